//! The loop of each room: ticks, releases, surveys and what waits for the store.

//! Touches and session ends that wait for the store: written by the gate without waiting,
//! carried by `pacing` in batches.

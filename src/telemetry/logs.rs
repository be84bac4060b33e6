//! telemetry::logs, to be written.

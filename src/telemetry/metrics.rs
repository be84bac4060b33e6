//! telemetry::metrics, to be written.

//! telemetry::metered, to be written.

//! UniFFI facade of the app core.

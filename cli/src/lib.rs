//! A courier's app in the terminal.

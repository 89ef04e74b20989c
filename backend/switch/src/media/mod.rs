//! Sound: companding, prompts in memory, tones.
//!
//! Nothing here does I/O except [`Prompt::from_wav`]; everything is prepared before a call so that the RTP threads
//! only copy bytes.

pub mod codec;
pub mod prompt;
pub mod tone;

pub use codec::Codec;
pub use prompt::Prompt;

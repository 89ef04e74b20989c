//! Between a device's buffer, whatever its samples look like, and a ring: arithmetic alone.

use super::super::resample::{LoudspeakerAt, MicrophoneAt};
use cpal::{Data, FromSample, SampleFormat, SizedSample};

/// The mean of all channels to the ring.
pub(super) fn put(data: &Data, format: SampleFormat, channels: usize, end: &mut MicrophoneAt) {
    match format {
        SampleFormat::F32 => put_as::<f32>(data, channels, end),
        SampleFormat::F64 => put_as::<f64>(data, channels, end),
        SampleFormat::I8 => put_as::<i8>(data, channels, end),
        SampleFormat::I16 => put_as::<i16>(data, channels, end),
        SampleFormat::I24 => put_as::<cpal::I24>(data, channels, end),
        SampleFormat::I32 => put_as::<i32>(data, channels, end),
        SampleFormat::U8 => put_as::<u8>(data, channels, end),
        SampleFormat::U16 => put_as::<u16>(data, channels, end),
        SampleFormat::U32 => put_as::<u32>(data, channels, end),
        // a form that nothing here understands gives silence
        _ => {}
    }
}

fn put_as<S>(data: &Data, channels: usize, end: &mut MicrophoneAt)
where
    S: SizedSample,
    f32: FromSample<S>,
{
    let frames = data.as_slice::<S>().unwrap_or_default().chunks_exact(channels);
    let mean = |frame: &[S]| frame.iter().map(|s| f32::from_sample_(*s)).sum::<f32>() / channels as f32;
    end.put(frames.map(mean));
}

/// The ring to all channels.
pub(super) fn take(data: &mut Data, format: SampleFormat, channels: usize, end: &mut LoudspeakerAt) {
    match format {
        SampleFormat::F32 => take_as::<f32>(data, channels, end),
        SampleFormat::F64 => take_as::<f64>(data, channels, end),
        SampleFormat::I8 => take_as::<i8>(data, channels, end),
        SampleFormat::I16 => take_as::<i16>(data, channels, end),
        SampleFormat::I24 => take_as::<cpal::I24>(data, channels, end),
        SampleFormat::I32 => take_as::<i32>(data, channels, end),
        SampleFormat::U8 => take_as::<u8>(data, channels, end),
        SampleFormat::U16 => take_as::<u16>(data, channels, end),
        SampleFormat::U32 => take_as::<u32>(data, channels, end),
        // left as the system gave it, which is silence
        _ => {}
    }
}

fn take_as<S>(data: &mut Data, channels: usize, end: &mut LoudspeakerAt)
where
    S: SizedSample + FromSample<f32>,
{
    let mut frames = data.as_slice_mut::<S>().unwrap_or_default().chunks_exact_mut(channels);
    end.take(frames.len(), |sample| {
        if let Some(frame) = frames.next() {
            frame.fill(S::from_sample_(sample.clamp(-1.0, 1.0)));
        }
    });
}

package com.waybell

import com.sun.jna.Native

/**
 * The sound of one call over the app, for the threads of microphone and loudspeaker: the number that `AudioHost.open` was given.
 * Samples are mono, 16 bits, at the rates of `AudioHost.format`; 10 ms at a time is best. On the library's side nothing allocates or
 * waits. Both answer `false` after the end of the call: stop then.
 */
class CallSound(private val stream: ULong) {
    /** What the microphone heard: the first [count] of [samples]. Dropped while the microphone is off. */
    fun push(samples: ShortArray, count: Int = samples.size): Boolean {
        require(count in 0..samples.size) { "count is not within samples" }
        return SoundLibrary.waybell_audio_push(stream.toLong(), samples, count) == GO_ON
    }

    /** Fills the first [count] of [samples] with what is to be heard, with silence where there is nothing. */
    fun pull(samples: ShortArray, count: Int = samples.size): Boolean {
        require(count in 0..samples.size) { "count is not within samples" }
        return SoundLibrary.waybell_audio_pull(stream.toLong(), samples, count) == GO_ON
    }

    private companion object {
        const val GO_ON = 0
    }
}

/** The two functions of `waybell_audio.h`, mapped directly: no objects are made for a call. */
private object SoundLibrary {
    init {
        Native.register(SoundLibrary::class.java, "waybell")
    }

    @JvmStatic
    @Suppress("FunctionName")
    external fun waybell_audio_push(stream: Long, samples: ShortArray, count: Int): Int

    @JvmStatic
    @Suppress("FunctionName")
    external fun waybell_audio_pull(stream: Long, samples: ShortArray, count: Int): Int
}

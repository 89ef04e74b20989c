package com.waybell

import java.util.concurrent.CopyOnWriteArrayList
import kotlin.concurrent.thread
import kotlin.math.PI
import kotlin.math.sin
import uniffi.waybell.AudioFormat
import uniffi.waybell.AudioHost
import uniffi.waybell.AudioHostException
import uniffi.waybell.SpeakerRoute

/** A phone's sound with a tone for a voice: two threads, 10 ms at a time, as AudioRecord and AudioTrack have them. */
class ToneAudio(private val microphoneHz: Int = 48_000, private val loudspeakerHz: Int = 44_100) : AudioHost {
    val ear = Ear(loudspeakerHz)
    val asked = CopyOnWriteArrayList<String>()

    @Volatile
    private var hertz = 0

    @Volatile
    private var speaks = false
    private var threads = emptyList<Thread>()

    fun says(hertz: Int) {
        this.hertz = hertz
    }

    override fun format() = AudioFormat(microphoneHz.toUInt(), loudspeakerHz.toUInt())

    override fun open(stream: ULong) {
        asked += "open"
        val sound = CallSound(stream)
        threads = listOf(
            paced {
                val samples = ShortArray(microphoneHz / 100)
                var phase = 0.0
                return@paced {
                    for (i in samples.indices) {
                        phase = (phase + hertz.toDouble() / microphoneHz) % 1.0
                        samples[i] = (sin(2 * PI * phase) * 8_000).toInt().toShort()
                    }
                    // what is pushed while it is off is dropped: a phone's own would be stopped
                    sound.push(samples)
                }
            },
            paced {
                val samples = ShortArray(loudspeakerHz / 100)
                return@paced {
                    sound.pull(samples).also { ear.take(samples) }
                }
            },
        )
    }

    private fun paced(make: () -> () -> Boolean) = thread {
        val work = make()
        val start = System.nanoTime()
        var n = 0
        while (work()) {
            n += 1
            Thread.sleep(maxOf(0, (start + n * 10_000_000L - System.nanoTime()) / 1_000_000))
        }
    }

    override fun microphone(on: Boolean) {
        speaks = on
        asked += if (on) "microphone on" else "microphone off"
    }

    override fun end() {
        threads.forEach { it.join(5_000) }
        check(threads.none { it.isAlive }) { "the threads were not told that the call is over" }
        asked += "end"
    }

    override fun route(to: SpeakerRoute) {
        asked += "route $to"
        if (to == SpeakerRoute.BLUETOOTH) throw AudioHostException.Failed("no headset is connected")
    }
}

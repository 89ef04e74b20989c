package com.waybell

import java.net.DatagramPacket
import java.net.DatagramSocket
import java.net.InetAddress
import java.net.SocketTimeoutException
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.concurrent.thread
import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sin

/** Share of a tone in the power of samples, 0 to 1. */
fun share(samples: ShortArray, rate: Int, hertz: Int): Double {
    var re = 0.0
    var im = 0.0
    var all = 0.0
    samples.forEachIndexed { i, sample ->
        val at = 2 * PI * hertz * i / rate
        re += sample * cos(at)
        im += sample * sin(at)
        all += sample.toDouble() * sample
    }
    return if (all < samples.size * 100.0) 0.0 else 2 * (re * re + im * im) / samples.size / all
}

/** What was heard lately, at one rate. */
class Ear(private val rate: Int) {
    private var heard = ShortArray(0)

    @Synchronized
    fun take(samples: ShortArray) {
        heard = (heard + samples).let { it.copyOfRange(maxOf(0, it.size - rate), it.size) }
    }

    @Synchronized
    private fun lately(): ShortArray = heard.copyOfRange(maxOf(0, heard.size - rate / 2), heard.size)

    @Synchronized
    fun forget() {
        heard = ShortArray(0)
    }

    /** Whether a tone fills half a second, within ten. */
    fun hears(hertz: Int): Boolean {
        forget()
        repeat(40) {
            Thread.sleep(250)
            if (lately().size >= rate / 2 && share(lately(), rate, hertz) > 0.8) return true
        }
        return false
    }

    /** Loudness of the next half second, once what is on its way has come. */
    fun loudness(): Double {
        Thread.sleep(500)
        forget()
        Thread.sleep(600)
        val samples = lately()
        return if (samples.isEmpty()) 0.0 else kotlin.math.sqrt(samples.sumOf { it.toDouble() * it } / samples.size)
    }
}

/** A telephone's sound: PCMA over RTP (RFC 3551), with keys as telephone-events (RFC 4733). */
class Line : AutoCloseable {
    private val socket = DatagramSocket(0, InetAddress.getByName("127.0.0.1")).apply { soTimeout = 50 }
    val ear = Ear(8_000)
    val keys = CopyOnWriteArrayList<Int>()

    @Volatile
    private var far = 0

    @Volatile
    private var hertz = 0

    @Volatile
    private var over = false
    private val threads = listOf(thread { listens() }, thread { speaks() })

    fun says(hertz: Int) {
        this.hertz = hertz
    }

    fun sdp() = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${socket.localPort} RTP/AVP 8 101\r\n" +
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"

    fun talksTo(sdp: String) {
        far = Regex("m=audio (\\d+)").find(sdp)!!.groupValues[1].toInt()
    }

    private fun listens() {
        val packet = DatagramPacket(ByteArray(2_048), 2_048)
        var key = -1L
        while (!over) {
            try {
                socket.receive(packet)
            } catch (_: SocketTimeoutException) {
                continue
            }
            val data = packet.data
            if (packet.length < 16) continue
            when (data[1].toInt() and 0x7f) {
                8 -> ear.take(ShortArray(packet.length - 12) { linear(data[12 + it]) })
                101 -> {
                    val at = (4..7).fold(0L) { sum, i -> sum shl 8 or (data[i].toLong() and 0xff) }
                    if (at != key) keys += data[12].toInt()
                    key = at
                }
            }
        }
    }

    private fun speaks() {
        val start = System.nanoTime()
        var phase = 0.0
        var n = 0
        while (!over) {
            val packet = ByteArray(172)
            packet[0] = 0x80.toByte()
            packet[1] = 8
            for (i in 0..1) packet[2 + i] = (n shr (8 * (1 - i))).toByte()
            for (i in 0..3) packet[4 + i] = (n * 160 shr (8 * (3 - i))).toByte()
            packet[11] = 7
            for (i in 0 until 160) {
                phase = (phase + hertz / 8_000.0) % 1.0
                packet[12 + i] = aLaw(if (hertz == 0) 0 else (sin(2 * PI * phase) * 8_000).toInt())
            }
            n += 1
            if (far > 0) socket.send(DatagramPacket(packet, packet.size, InetAddress.getByName("127.0.0.1"), far))
            val due = start + n * 20_000_000L
            Thread.sleep(maxOf(0, (due - System.nanoTime()) / 1_000_000))
        }
    }

    override fun close() {
        over = true
        threads.forEach { it.join() }
        socket.close()
    }

    private companion object {
        /** ITU-T G.711. */
        fun linear(code: Byte): Short {
            val bits = code.toInt() and 0xff xor 0x55
            val exponent = bits shr 4 and 7
            val mantissa = (bits and 15 shl 4) + 8
            val size = if (exponent == 0) mantissa else mantissa + 256 shl (exponent - 1)
            return (if (bits and 0x80 != 0) size else -size).toShort()
        }

        fun aLaw(sample: Int): Byte {
            val size = minOf(if (sample < 0) -sample - 1 else sample, 32_767)
            var exponent = 7
            while (exponent > 0 && size < (128 shl exponent)) exponent -= 1
            val mantissa = if (exponent == 0) size shr 4 else size shr (exponent + 3)
            return ((if (sample >= 0) 0x80 else 0) or (exponent shl 4) or (mantissa and 15) xor 0x55).toByte()
        }
    }
}

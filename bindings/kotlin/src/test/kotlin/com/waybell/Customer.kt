package com.waybell

import java.net.DatagramPacket
import java.net.DatagramSocket
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.SocketTimeoutException

/** A customer's telephone: one call over SIP and RTP (RFC 3261, RFC 3551), enough to leave a message. */
class Customer(server: String, private val number: String) : AutoCloseable {
    private val far = InetSocketAddress(server.substringBefore(':'), server.substringAfter(':').toInt())
    private val sip = DatagramSocket(0, InetAddress.getByName("127.0.0.1")).apply { soTimeout = 200 }
    private val rtp = DatagramSocket(0, InetAddress.getByName("127.0.0.1"))
    private val own = "127.0.0.1:${sip.localPort}"
    private val callId = "kotlin${sip.localPort}@test"
    private var to = "<sip:$number@$server>"
    private var target = "sip:$number@$server"
    private var media = 0

    /** Rings, skips the greeting, says a tone for two seconds, and hangs up. */
    fun leavesAMessage() {
        val body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${rtp.localPort} RTP/AVP 8\r\n" +
            "a=rtpmap:8 PCMA/8000\r\n"
        send("INVITE", 1, "application/sdp", body)
        val answer = hear("an answer") { it.startsWith("SIP/2.0 ") && !it.startsWith("SIP/2.0 1") }
        check(answer.startsWith("SIP/2.0 200")) { answer }
        to = header(answer, "To")
        target = header(answer, "Contact").substringAfter('<').substringBefore('>')
        media = Regex("m=audio (\\d+)").find(answer)!!.groupValues[1].toInt()
        send("ACK", 1)
        says(1_000, 0)
        send("INFO", 2, "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n")
        hear("the key's answer") { it.startsWith("SIP/2.0 200") && header(it, "CSeq").endsWith("INFO") }
        says(700, 0)
        says(2_000, 900)
        send("BYE", 3)
        hear("the end") { it.startsWith("SIP/2.0 200") && header(it, "CSeq").endsWith("BYE") }
    }

    private fun send(method: String, cseq: Int, kind: String = "", body: String = "") {
        val content = if (kind.isEmpty()) "" else "Content-Type: $kind\r\n"
        val text = "$method $target SIP/2.0\r\nVia: SIP/2.0/UDP $own;rport;branch=z9hG4bK$method$cseq${sip.localPort}\r\n" +
            "Max-Forwards: 70\r\nFrom: <sip:+8613800002001@$own>;tag=here\r\nTo: $to\r\nCall-ID: $callId\r\nCSeq: $cseq $method\r\n" +
            "Contact: <sip:kotlin@$own>\r\n${content}Content-Length: ${body.length}\r\n\r\n$body"
        val bytes = text.toByteArray()
        sip.send(DatagramPacket(bytes, bytes.size, far))
    }

    private fun hear(what: String, wanted: (String) -> Boolean): String {
        val until = System.nanoTime() + 20_000_000_000
        val packet = DatagramPacket(ByteArray(65_535), 65_535)
        while (System.nanoTime() < until) {
            try {
                sip.receive(packet)
            } catch (_: SocketTimeoutException) {
                continue
            }
            val text = String(packet.data, 0, packet.length)
            if (wanted(text)) return text
        }
        error("no $what")
    }

    /** Sends so many milliseconds of a square tone, or of silence, in packets of 20 ms. */
    private fun says(ms: Int, hertz: Int) {
        val start = System.nanoTime()
        for (n in 0 until ms / 20) {
            val packet = ByteArray(172)
            packet[0] = 0x80.toByte()
            packet[1] = 8
            sent += 1
            for (i in 0..1) packet[2 + i] = (sent shr (8 * (1 - i))).toByte()
            for (i in 0..3) packet[4 + i] = (sent * 160 shr (8 * (3 - i))).toByte()
            packet[11] = 7
            for (i in 0 until 160) {
                val high = (n * 160 + i) * hertz * 2 / 8_000 % 2 == 0
                // A-law, loud or silent (ITU-T G.711)
                packet[12 + i] = if (hertz == 0) 0xd5.toByte() else if (high) 0xb0.toByte() else 0x30
            }
            rtp.send(DatagramPacket(packet, packet.size, InetAddress.getByName("127.0.0.1"), media))
            val due = start + (n + 1) * 20_000_000L
            Thread.sleep(maxOf(0, (due - System.nanoTime()) / 1_000_000))
        }
    }

    private var sent = 0

    private fun header(text: String, name: String): String =
        text.lineSequence().first { it.startsWith("$name:", ignoreCase = true) }.substringAfter(':').trim()

    override fun close() {
        sip.close()
        rtp.close()
    }
}

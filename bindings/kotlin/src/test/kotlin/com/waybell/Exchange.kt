package com.waybell

import java.net.DatagramPacket
import java.net.DatagramSocket
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.SocketTimeoutException
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import java.util.concurrent.ConcurrentHashMap
import kotlin.concurrent.thread

/** An exchange of the test's own, the far side of the server's trunk: telephones that ring and are rung (RFC 3261). */
class Exchange : AutoCloseable {
    private val socket = DatagramSocket(0, InetAddress.getByName("127.0.0.1")).apply { soTimeout = 50 }
    private val own = "127.0.0.1:${socket.localPort}"
    private val calls = ConcurrentHashMap<String, LinkedBlockingQueue<String>>()
    private val rung = LinkedBlockingQueue<Telephone>()
    private val telephones = LinkedBlockingQueue<Telephone>()

    @Volatile
    private var over = false
    private val reader = thread { reads() }
    val address get() = own

    private fun reads() {
        val packet = DatagramPacket(ByteArray(65_535), 65_535)
        while (!over) {
            try {
                socket.receive(packet)
            } catch (_: SocketTimeoutException) {
                continue
            }
            val text = String(packet.data, 0, packet.length)
            val id = header(text, "Call-ID")
            if (text.startsWith("INVITE ") && calls[id] == null) {
                val ear = LinkedBlockingQueue<String>()
                calls[id] = ear
                val far = InetSocketAddress(packet.address, packet.port)
                rung += Telephone(far, id, ear, "${header(text, "To")};tag=there", header(text, "From"), contact(text), text)
            } else {
                calls[id]?.add(text)
            }
        }
    }

    /** Somebody rings [to] at the server. */
    fun rings(server: String, from: String, to: String): Telephone {
        val id = "kotlin${System.nanoTime()}@exchange"
        val ear = LinkedBlockingQueue<String>()
        calls[id] = ear
        val far = InetSocketAddress(server.substringBefore(':'), server.substringAfter(':').toInt())
        val uri = "sip:$to@$server"
        val telephone = Telephone(far, id, ear, "<sip:$from@$own>;tag=here", "<$uri>", uri, null)
        telephone.send("INVITE", telephone.line.sdp())
        return telephone
    }

    /** The next telephone of this number that the server rings. */
    fun rung(number: String): Telephone {
        val until = System.nanoTime() + PATIENCE
        while (true) {
            val next = rung.poll(maxOf(0, until - System.nanoTime()), TimeUnit.NANOSECONDS) ?: error("$number is not rung")
            if (next.number == number) return next
        }
    }

    /** One call, from either side. */
    inner class Telephone(
        private val far: InetSocketAddress, private val id: String, private val ear: LinkedBlockingQueue<String>,
        private val local: String, private var remote: String, private var target: String, private val invite: String?,
    ) {
        val line = Line()
        val number = invite?.substringAfter("sip:")?.substringBefore('@') ?: ""
        private var cseq = 0

        init {
            telephones += this
        }

        fun send(method: String, body: String = "") {
            if (method != "ACK") cseq += 1
            val content = if (body.isEmpty()) "" else "Content-Type: application/sdp\r\n"
            put(
                "$method $target SIP/2.0\r\nVia: SIP/2.0/UDP $own;rport;branch=z9hG4bK$method$cseq$id\r\nMax-Forwards: 70\r\n" +
                    "From: $local\r\nTo: $remote\r\nCall-ID: $id\r\nCSeq: $cseq $method\r\nContact: <sip:exchange@$own>\r\n" +
                    "${content}Content-Length: ${body.length}\r\n\r\n$body",
            )
        }

        private fun answers(request: String, status: String, body: String = "") {
            val vias = request.lineSequence().filter { it.startsWith("Via:", ignoreCase = true) }.joinToString("") { it.trim() + "\r\n" }
            val to = header(request, "To").let { if ("tag=" in it) it else "$it;tag=there" }
            val content = if (body.isEmpty()) "" else "Content-Type: application/sdp\r\n"
            put(
                "SIP/2.0 $status\r\n${vias}From: ${header(request, "From")}\r\nTo: $to\r\nCall-ID: $id\r\nCSeq: ${header(request, "CSeq")}\r\n" +
                    "Contact: <sip:exchange@$own>\r\n${content}Content-Length: ${body.length}\r\n\r\n$body",
            )
        }

        private fun put(text: String) = text.toByteArray().let { socket.send(DatagramPacket(it, it.size, far)) }

        private fun hears(what: String, wanted: (String) -> Boolean): String {
            val until = System.nanoTime() + PATIENCE
            while (true) {
                val text = ear.poll(maxOf(0, until - System.nanoTime()), TimeUnit.NANOSECONDS) ?: error("no $what")
                if (wanted(text)) return text
            }
        }

        fun rings() = answers(invite!!, "180 Ringing")

        fun picksUp() {
            line.talksTo(invite!!)
            answers(invite, "200 OK", line.sdp())
            hears("ACK") { it.startsWith("ACK ") }
        }

        /** Whoever was rung here has answered. */
        fun isAnswered() {
            val answer = hears("answer") { it.startsWith("SIP/2.0 ") && !it.startsWith("SIP/2.0 1") }
            check(answer.startsWith("SIP/2.0 200")) { answer }
            remote = header(answer, "To")
            target = contact(answer)
            line.talksTo(answer)
            send("ACK")
        }

        fun hangsUp() {
            send("BYE")
            hears("the end") { it.startsWith("SIP/2.0 200") && header(it, "CSeq").endsWith("BYE") }
        }

        fun isHungUpOn() = answers(hears("BYE") { it.startsWith("BYE ") }, "200 OK")
    }

    override fun close() {
        over = true
        reader.join()
        telephones.forEach { it.line.close() }
        socket.close()
    }

    private companion object {
        const val PATIENCE = 20_000_000_000L

        fun header(text: String, name: String): String =
            text.lineSequence().first { it.startsWith("$name:", ignoreCase = true) }.substringAfter(':').trim()

        fun contact(text: String) = header(text, "Contact").substringAfter('<').substringBefore('>')
    }
}

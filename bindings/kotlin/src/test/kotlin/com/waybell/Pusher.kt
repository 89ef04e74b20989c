package com.waybell

import com.sun.net.httpserver.HttpServer
import java.net.InetSocketAddress
import java.net.URLDecoder
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

/** A counterpart of Mi Push: takes every message, and gives what a phone would get. */
internal class Pusher : AutoCloseable {
    private val messages = LinkedBlockingQueue<Map<String, String>>()
    private val server = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0)
    val url = "http://127.0.0.1:${server.address.port}"

    init {
        server.createContext("/v3/message/regid") { exchange ->
            val body = exchange.requestBody.readBytes().decodeToString()
            val form = body.split('&').associate { field ->
                val (name, value) = field.split('=', limit = 2)
                URLDecoder.decode(name, Charsets.UTF_8) to URLDecoder.decode(value, Charsets.UTF_8)
            }
            check(exchange.requestHeaders.getFirst("Authorization") == "key=secret")
            messages += form
            val answer = "{\"result\":\"ok\",\"code\":0,\"data\":{\"id\":\"1\"}}".toByteArray()
            exchange.sendResponseHeaders(200, answer.size.toLong())
            exchange.responseBody.use { it.write(answer) }
        }
        server.start()
    }

    /** The id of the call that the phone with this token is woken for. */
    fun wakes(token: String): String {
        val message = messages.poll(20, TimeUnit.SECONDS) ?: error("no push")
        check(message["registration_id"] == token) { message }
        return Regex("\"call_id\":\"([^\"]*)\"").find(message.getValue("payload"))?.groupValues?.get(1) ?: error("no call: $message")
    }

    override fun close() = server.stop(0)
}

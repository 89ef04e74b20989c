package com.waybell

import java.io.File
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse

/** Carrier and server as a process of their own; ends with this object. */
internal class World(programs: String, vararg arguments: String) : AutoCloseable {
    private val process = ProcessBuilder(File(programs, "waybell-world").path, *arguments)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start()
    private val output = process.inputStream.bufferedReader()
    private val hello = output.readLine() ?: error("the world did not start")
    val url = field(hello, "url")
    val sip = field(hello, "sip")
    val password = field(hello, "password")
    private val http = HttpClient.newHttpClient()

    private fun field(json: String, name: String): String = Regex("\"$name\":\"([^\"]*)\"").find(json)!!.groupValues[1]

    private fun ask(method: String, path: String, body: String, token: String = ""): String {
        val request = HttpRequest.newBuilder(URI("$url/api/v1$path")).header("content-type", "application/json")
        if (token.isNotEmpty()) request.header("authorization", "Bearer $token")
        val answer = http.send(
            request.method(method, HttpRequest.BodyPublishers.ofString(body)).build(),
            HttpResponse.BodyHandlers.ofString(),
        )
        check(answer.statusCode() < 300) { "$method $path: ${answer.statusCode()} ${answer.body()}" }
        return answer.body()
    }

    private fun boss(): String {
        val device = "0198a1b2-0000-7000-8000-000000000002"
        val login = "{\"login\":\"boss\",\"password\":\"$password\",\"device\":\"$device\"}"
        return field(ask("POST", "/auth/login", login), "access_token")
    }

    /** Sets rules of the organisation. */
    fun rule(path: String, rules: String) {
        ask("PUT", path, rules, boss())
    }

    /** An announcement that must be read, and an article that is approved. */
    fun posts() {
        val boss = boss()
        val news = "\"title\":\"今天停派\",\"body\":\"暴雨。请回站点。\",\"must_read\":true"
        ask("POST", "/announcements", "{\"id\":\"0198a1b2-0000-7000-8000-00000000000a\",$news}", boss)
        val id = "0198a1b2-0000-7000-8000-00000000000b"
        val text = "\"title\":\"破损件处理\",\"body\":\"# 破损\\n\\n外包装破损怎么办：当面拍照，再联系客服。\""
        ask("POST", "/knowledge/articles", "{\"id\":\"$id\",$text}", boss)
        ask("POST", "/knowledge/articles/$id/submit", "{}", boss)
        ask("POST", "/knowledge/articles/$id/approve", "{\"version\":1}", boss)
    }

    /** Publishes this number for an area that the courier covers. */
    fun publish(number: String, courier: String) {
        val boss = boss()
        val area = field(ask("POST", "/areas", "{\"name\":\"一号片区\"}", boss), "id")
        val proof = "\"proof\":\"号码使用授权书\",\"proof_date\":\"2026-03-02\""
        ask("POST", "/numbers", "{\"number\":\"$number\",\"area\":\"$area\",$proof}", boss)
        ask("POST", "/areas/$area/duties", "{\"courier\":\"$courier\"}", boss)
    }

    fun judge(): String {
        process.outputStream.write("judge\n".toByteArray())
        process.outputStream.flush()
        return output.readLine() ?: error("no verdict")
    }

    override fun close() {
        process.outputStream.close()
        if (!process.waitFor(20, java.util.concurrent.TimeUnit.SECONDS)) process.destroyForcibly()
    }
}

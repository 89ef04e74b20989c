package com.waybell

import java.io.File
import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import uniffi.waybell.Call
import uniffi.waybell.CallTo
import uniffi.waybell.WaybellClient
import uniffi.waybell.WaybellException

/** Calls through the facade, against the real server and a telephone of the test's own. */
class CallsTest {
    private val programs = System.getProperty("waybell.programs")

    @Test
    fun aMessageIsListedHeardWithoutANetworkAndHandled() = World(programs).use { world ->
        runBlocking {
            val folder = Files.createTempDirectory("waybell").toString()
            val client = WaybellClient.open(folder, world.url)
            val me = client.login("c1", world.password)
            world.publish("021-31001234", me.id)
            client.importCsv(LIST.toByteArray(), dryRun = false)
            client.syncNow()
            assertEquals("available", client.reach().mode)
            client.setReach("riding", null)
            assertTrue(client.reach().pending)
            client.syncNow()
            assertEquals("riding" to false, client.reach().let { it.mode to it.pending })

            // who rides is not rung: the caller is asked for a message
            Customer(world.sip, "02131001234").use { it.leavesAMessage() }
            client.resume()
            val call = withTimeout(20_000) { client.first { it.outcome == "voicemail" } }
            client.pause()
            assertEquals("now", call.urgency)
            assertEquals("+86138****2001" to "no", call.caller to call.sound)
            assertEquals("幸福花园3号楼 1件" to "幸福花园3号楼: 1 parcel", call.contextZh to call.contextEn)
            assertEquals(1u, client.openCalls())
            assertFailsWith<WaybellException.NotFound> { client.sound(call.id, 0u, 10u) }
            val bytes = client.fetchSound(call.id)
            client.shutdown()
            client.destroy()

            // nobody answers there
            val away = WaybellClient.open(folder, "http://127.0.0.1:9")
            assertEquals("whole", away.calls(openOnly = true).single().sound)
            val wav = generateSequence(0UL) { it + 10_000UL }
                .takeWhile { it < bytes }
                .map { runBlocking { away.sound(call.id, it, 10_000u) } }
                .fold(ByteArray(0)) { all, part -> all + part }
            assertEquals(bytes.toInt(), wav.size)
            assertContentEquals("RIFF".toByteArray(), wav.copyOf(4))
            assertContentEquals(wav.copyOfRange(100, 200), away.sound(call.id, 100u, 100u))
            assertFailsWith<WaybellException.Offline> { away.call(CallTo.Call(call.id)) }
            away.callHandled(call.id)
            assertEquals(0u, away.openCalls())
            assertTrue(away.calls(openOnly = false).single().let { it.handled && it.pending })
            assertEquals("call_handled", away.operations().single().kind)
            away.shutdown()
            away.destroy()

            val back = WaybellClient.open(folder, world.url)
            back.syncNow()
            assertTrue(back.calls(openOnly = false).single().let { it.handled && !it.pending })
            back.reopenCall(call.id)
            back.syncNow()
            assertEquals(1u, back.openCalls())

            // their own telephone rings first; it is given up before anybody speaks
            val made = back.call(CallTo.Call(call.id))
            assertEquals("outgoing", back.calls(openOnly = false).single { it.id == made.id }.direction)
            back.hangUp(made.id)
            back.resume()
            withTimeout(20_000) { back.first { it.id == made.id && it.outcome.isNotEmpty() } }
            assertFailsWith<WaybellException.BadInput> { back.call(CallTo.Number("12")) }
            assertEquals("mode", assertFailsWith<WaybellException.BadInput> { back.setReach("busy", null) }.field)

            assertEquals(0u, back.logout())
            assertEquals(0, File(folder, "audio").list()!!.size, "signing out leaves no sound")
            back.shutdown()
            back.destroy()
        }
    }

    private suspend fun WaybellClient.first(wanted: (Call) -> Boolean): Call {
        while (true) {
            calls(openOnly = false).firstOrNull(wanted)?.let { return it }
            delay(100)
        }
    }

    private companion object {
        val LIST = "运单号,收件人,电话,地址\nYT2000000000001,王伟,13800002001,上海市浦东新区幸福花园3号楼101室\n"
    }
}

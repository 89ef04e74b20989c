package com.waybell

import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import uniffi.waybell.AppCall
import uniffi.waybell.AppCalls
import uniffi.waybell.CallBy
import uniffi.waybell.CallTo
import uniffi.waybell.SpeakerRoute
import uniffi.waybell.WaybellClient
import uniffi.waybell.WaybellException

/** Calls over the app through the facade: sound pushed and pulled from Kotlin, the real server and switch, a telephone at the other end. */
class AppCallsTest {
    private val programs = System.getProperty("waybell.programs")

    private class House(programs: String) : AutoCloseable {
        val exchange = Exchange()
        val pusher = Pusher()
        val world = World(programs, "--exchange", exchange.address, "--push", pusher.url)
        val audio = ToneAudio()
        val client = WaybellClient.open(Files.createTempDirectory("waybell").toString(), world.url)
        val me = runBlocking { client.login("c1", world.password) }
        val calls = client.appCalls(audio)

        init {
            client.resume()
        }

        suspend fun until(what: String, wanted: (AppCall) -> Boolean): AppCall = try {
            withTimeout(30_000) { calls.states().first(wanted) }
        } catch (e: kotlinx.coroutines.TimeoutCancellationException) {
            error("not so: $what: ${calls.now()}")
        }

        suspend fun state(wanted: String) = until(wanted) { it.state == wanted }

        override fun close() {
            runBlocking {
                calls.settle(5_000u)
                calls.destroy()
                client.shutdown()
            }
            client.destroy()
            world.close()
            exchange.close()
            pusher.close()
        }
    }

    @Test
    fun theAppCallsAndEachHearsTheOther() = House(programs).use { house ->
        runBlocking {
            val (calls, audio) = house.calls to house.audio
            assertEquals("idle", calls.now().state)
            assertEquals(null, calls.quality())
            house.until("it can be rung") { it.reachable }
            val placed = calls.call(CallTo.Number("13800000000"), CallBy.NETWORK)
            assertTrue(placed.overApp && placed.why == "good", placed.toString())
            val customer = house.exchange.rung("13800000000")
            customer.rings()
            val ringing = house.state("ringing")
            assertTrue(ringing.outgoing && ringing.id == placed.id && ringing.who == "+86138****0000", ringing.toString())
            assertFailsWith<WaybellException.BadInput> { calls.call(CallTo.Number("13800000001"), CallBy.APP) }
            audio.says(1_100)
            customer.line.says(700)
            customer.picksUp()
            house.state("active")
            assertTrue(customer.line.ear.hears(1_100), "the customer hears the courier")
            assertTrue(audio.ear.hears(700), "the courier hears the customer")

            calls.mute(true)
            house.until("muted") { it.muted }
            assertTrue(customer.line.ear.loudness() < 50.0, "nothing is heard of who is muted")
            calls.mute(false)
            assertTrue(customer.line.ear.hears(1_100))
            calls.hold(true)
            house.state("held_local")
            assertTrue(customer.line.ear.loudness() < 50.0 && audio.ear.loudness() < 50.0, "on hold")
            calls.hold(false)
            house.state("active")
            assertTrue(customer.line.ear.hears(1_100) && audio.ear.hears(700))
            calls.cellularBegan()
            house.state("held_by_cellular")
            calls.cellularEnded(true)
            house.state("active")
            calls.networkChanged()
            assertTrue(customer.line.ear.hears(1_100) && audio.ear.hears(700), "over another network")
            assertFailsWith<WaybellException.BadInput> { calls.press("5十") }
            calls.press("52#")
            withTimeout(10_000) { while (customer.line.keys != listOf(5, 2, 11)) kotlinx.coroutines.delay(50) }

            calls.routesAre(SpeakerRoute.EARPIECE, listOf(SpeakerRoute.EARPIECE, SpeakerRoute.SPEAKER))
            assertEquals(2, house.until("routes") { it.route == SpeakerRoute.EARPIECE }.routes.size)
            calls.setRoute(SpeakerRoute.SPEAKER)
            calls.setRoute(SpeakerRoute.BLUETOOTH)
            house.until("no headset") { it.problem == "no headset is connected" }
            assertTrue("route SPEAKER" in audio.asked)
            val quality = calls.quality()!!
            assertTrue(quality.sent > 100u && quality.received > 100u && quality.loss < 0.2, quality.toString())
            assertTrue(calls.now().let { it.spokeMs > 2_000 && it.spokenSince!! > 0 })
            calls.hangUp()
            customer.isHungUpOn()
            assertEquals("hung_up", house.state("ended").ended)
            calls.settle(10_000u)
            assertEquals("end", audio.asked.last(), audio.asked.toString())
            assertEquals("microphone on", audio.asked.first { it.startsWith("microphone") })
        }
    }

    @Test
    fun aCallerIsTakenAlsoByAnAppThatAPushHasWoken() = House(programs).use { house ->
        runBlocking {
            val (calls, audio) = house.calls to house.audio
            house.client.setPushToken("xiaomi", "token-of-c1", "1.0")
            house.client.syncNow()
            house.world.publish("021-31001234", house.me.id)
            house.world.rule("/inbound-policy", "{\"app_first_ms\":30000}")
            house.until("it can be rung") { it.reachable }
            var customer = house.exchange.rings(house.world.sip, "+8613800000000", "02131001234")
            val rung = house.state("incoming")
            assertTrue(rung.rings && !rung.outgoing && rung.who == "+86138****0000", rung.toString())
            audio.says(1_100)
            calls.answer()
            customer.isAnswered()
            customer.line.says(700)
            house.state("active")
            assertTrue(customer.line.ear.hears(1_100) && audio.ear.hears(700), "each hears the other")
            customer.hangsUp()
            assertEquals("hung_up_there", house.state("ended").ended)
            calls.settle(10_000u)

            // the app sleeps; a caller rings, and a push says so
            house.client.pause()
            house.until("it sleeps") { !it.reachable }
            // until the server has read that the socket is closed
            kotlinx.coroutines.delay(1_000)
            customer = house.exchange.rings(house.world.sip, "+8613800000000", "02131001234")
            val id = house.pusher.wakes("token-of-c1")
            assertFalse(calls.pushCame("0198a1b2-0000-7000-8000-000000000009", 300u), "nobody knows of that call")
            assertTrue(calls.pushCame(id, 10_000u))
            assertEquals(id, house.state("incoming").id)
            calls.answer()
            customer.isAnswered()
            house.state("active")
            assertTrue(customer.line.ear.hears(1_100))
            calls.hangUp()
            customer.isHungUpOn()
            house.state("ended")
            assertEquals("call", assertFailsWith<WaybellException.BadInput> { calls.pushCame("no id", 10u) }.field)
        }
    }

    @Test
    fun aNetworkThatIsTooWeakOrAPersonWhoSaysSoMeansCallback() = House(programs).use { house ->
        runBlocking {
            // without a socket nothing is known to get through
            house.until("it can be rung") { it.reachable }
            house.client.pause()
            house.until("it sleeps") { !it.reachable }
            val placed = house.calls.call(CallTo.Number("13800000000"), CallBy.NETWORK)
            assertTrue(!placed.overApp && placed.why == "weak", placed.toString())
            house.exchange.rung("13900000001")
            house.client.hangUp(placed.id)
            assertEquals("idle", house.calls.now().state, "it is no call of the app")
        }
    }
}

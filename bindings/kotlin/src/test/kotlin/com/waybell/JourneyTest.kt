package com.waybell

import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.last
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import uniffi.waybell.Undone
import uniffi.waybell.WaybellClient
import uniffi.waybell.WaybellException
import uniffi.waybell.chinese

/** The courier's journey through the facade, against the real server and the simulated carrier. */
class JourneyTest {
    private val programs = System.getProperty("waybell.programs")

    @Test
    fun oneTapRingsEverybodyOnce() = World(programs).use { world ->
        runBlocking {
            val folder = Files.createTempDirectory("waybell").toString()
            val client = WaybellClient.open(folder, world.url)
            assertEquals("courier", client.login("c1", world.password).role)
            val report = client.importCsv(LIST.toByteArray(), dryRun = false)
            assertEquals(4u, report.created)
            assertEquals(1u, report.rejected)
            assertEquals(6u, report.problems.first().line)
            client.resume()
            client.syncNow()

            val found = client.search("幸福花园3", 50u)
            assertEquals(3, found.size)
            assertTrue(found.none { it.maskedPhone.contains("13800002") })
            assertEquals(4, client.stops(all = true).sumOf { it.parcels.size })
            val plan = client.plan("arrived", found.map { it.id })
            assertEquals(2u, plan.rings)
            assertEquals(1u, plan.merged)

            val batch = client.notify("arrived", found.map { it.id })
            val end = withTimeout(60_000) { client.progressOf(batch).last() }
            assertEquals("done", end.batch.state)
            assertEquals(2u, end.batch.answered)
            assertTrue(end.recipients.all { it.mark == "answered" })
            assertTrue(client.search("幸福花园", 50u).all { it.mark == "answered" })
            client.shutdown()
            client.destroy()
            val verdict = world.judge()
            assertTrue(verdict.contains("\"violations\":0"), verdict)
            assertTrue(verdict.contains("\"alerted\":2"), verdict)
        }
    }

    @Test
    fun theSampleOfTheDocumentsRuns() = World(programs).use { world ->
        runBlocking {
            val folder = Files.createTempDirectory("waybell").toString()
            val shown = mutableListOf<String>()
            val end = withTimeout(60_000) { morning(folder, world.url, "c1", world.password, LIST.toByteArray(), shown::add) }
            assertEquals(2u, end?.batch?.answered)
            assertTrue(shown.first().startsWith("第 6 行"), shown.first())
            assertTrue(shown.any { it.startsWith("将呼叫 2/3") }, shown.toString())
            val away = Files.createTempDirectory("waybell").toString()
            assertEquals(null, morning(away, "http://127.0.0.1:9", "c1", world.password, ByteArray(0), shown::add))
            assertEquals("没有网络", shown.last())
        }
    }

    @Test
    fun whatWasTappedCanBeHeldTakenBackAndRungAgain() = World(programs).use { world ->
        runBlocking {
            val boss = WaybellClient.open(Files.createTempDirectory("waybell").toString(), world.url)
            assertEquals("administrator", boss.login("boss", world.password).role)
            val client = WaybellClient.open(Files.createTempDirectory("waybell").toString(), world.url)
            client.login("c1", world.password)
            client.importCsv(LIST.toByteArray(), dryRun = false)
            client.syncNow()
            assertTrue(client.templates().any { it.key == "arrived" && it.nameZh.isNotEmpty() })
            val dong = client.search("东湖小区", 50u).map { it.id }
            val xing = client.search("幸福花园", 50u).map { it.id }

            // without an exchange the tap has not left, and undo takes it back as if it had never been
            val first = client.notify("arrived", dong)
            assertEquals("notify", client.operations().single().kind)
            assertEquals(Undone.TAKEN_BACK, client.undo(first))
            assertEquals(emptyList(), client.operations())

            val refused = assertFailsWith<WaybellException.Refused> { client.stopAll(true) }
            assertEquals(403.toUShort(), refused.status)
            assertTrue(chinese(refused.problem) != refused.problem, refused.problem)
            boss.stopAll(true)
            val held = client.notify("arrived", dong)
            client.syncNow()
            assertEquals(Undone.ASKED, client.undo(held))
            client.syncNow()
            assertEquals("cancelled", client.progress(held).batch.state)
            assertEquals("batch", assertFailsWith<WaybellException.BadInput> { client.confirm(held) }.field)

            val batch = client.notify("arrived", xing)
            client.syncNow()
            client.pauseBatch(batch)
            client.syncNow()
            assertEquals("paused", client.progress(batch).batch.state)
            boss.stopAll(false)
            client.resumeBatch(batch)
            client.resume()
            val end = withTimeout(60_000) { client.progressOf(batch).last() }
            assertEquals(2u, end.batch.answered)
            assertEquals(batch, client.batches(1u).single().id)
            val why = client.why("YT2000000000001")
            assertEquals("imported", why.first().what)
            assertTrue(why.any { it.what == "answered" && it.zh.isNotEmpty() && it.at > 0 }, why.toString())

            // everybody was reached: the server refuses, and the refusal wants a decision
            client.again("arrived", includeUnknown = false)
            client.syncNow()
            val dead = client.operations().single()
            assertTrue(dead.refused && dead.problem.isNotEmpty() && dead.kind == "again", dead.toString())
            client.pause()
            client.retry(dead.id)
            assertTrue(!client.operations().single().refused)
            client.syncNow()
            client.discard(client.operations().single { it.refused }.id)
            assertEquals(emptyList(), client.operations())

            assertEquals(0u, client.logout())
            assertEquals(null, client.user())
            for (each in listOf(client, boss)) {
                each.shutdown()
                each.destroy()
            }
            val verdict = world.judge()
            assertTrue(verdict.contains("\"violations\":0") && verdict.contains("\"alerted\":2"), verdict)
        }
    }

    @Test
    fun anImportTellsWhatIsMissing() = World(programs).use { world ->
        runBlocking {
            val client = WaybellClient.open(Files.createTempDirectory("waybell").toString(), world.url)
            client.login("c1", world.password)
            val report = client.importCsv("运单号,收件人\nYT2000000000009,王伟\n".toByteArray(), dryRun = true)
            assertEquals(1u, report.created)
            assertTrue(report.notes.isNotEmpty(), "a list without a telephone column rings nobody")
            assertTrue(report.notes.all { chinese(it.problem) != it.problem }, report.notes.toString())
            client.shutdown()
            client.destroy()
        }
    }

    @Test
    fun aSubscriptionStartsWithEverythingAndErrorsHaveFields() = runBlocking {
        val folder = Files.createTempDirectory("waybell").toString()
        val client = WaybellClient.open(folder, "http://127.0.0.1:9")
        assertEquals(5, withTimeout(5_000) { client.changes().take(5).toList() }.toSet().size)
        assertFailsWith<WaybellException.Offline> { client.login("c1", "waybell-test") }
        val bad = assertFailsWith<WaybellException.BadInput> { client.progress("no id") }
        assertEquals("batch", bad.field)
        client.shutdown()
        client.destroy()
    }

    private companion object {
        val LIST = """
            运单号,收件人,电话,地址
            YT2000000000001,王伟,13800002001,上海市浦东新区幸福花园3号楼101室
            YT2000000000002,王伟,13800002001,上海市浦东新区幸福花园3号楼101室
            YT2000000000003,李娜,13800002002,上海市浦东新区幸福花园3号楼102室
            YT2000000000004,张敏,13800002003,上海市浦东新区东湖小区5号楼103室
            YT2000000000005,刘洋,1380000,上海市浦东新区幸福花园3号楼104室
        """.trimIndent() + "\n"
    }
}

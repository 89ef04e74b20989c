package com.waybell

import java.io.File
import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlinx.coroutines.runBlocking
import uniffi.waybell.Around
import uniffi.waybell.Fix
import uniffi.waybell.GeoPoint
import uniffi.waybell.LabelLine
import uniffi.waybell.NewPunch
import uniffi.waybell.NewWorkOrder
import uniffi.waybell.OrderDeed
import uniffi.waybell.RecordingSearch
import uniffi.waybell.TourWish
import uniffi.waybell.WaybellClient
import uniffi.waybell.WaybellException

/** A courier's day through the rest of the facade, against the real server. */
class DayTest {
    private val programs = System.getProperty("waybell.programs")

    private fun <T> day(work: suspend (World, WaybellClient) -> T): T = World(programs).use { world ->
        runBlocking {
            val client = WaybellClient.open(Files.createTempDirectory("waybell").toString(), world.url)
            client.login("c1", world.password)
            client.importCsv(LIST.toByteArray(), dryRun = false)
            client.syncNow()
            work(world, client).also {
                client.shutdown()
                client.destroy()
            }
        }
    }

    @Test
    fun theTourVisitsEveryStopOnceAndNoticesGoAheadOfIt() = day { _, client ->
        val depart = System.currentTimeMillis() + 3_600_000
        val wish = TourWish(depart, null, null, null, null, null)
        assertEquals("places", assertFailsWith<WaybellException.BadInput> { client.tour(wish) }.field)
        client.pin("幸福花园3号楼", GeoPoint(31.2304, 121.4737), "wgs84")
        client.pin("东湖小区5号楼", GeoPoint(31.2404, 121.4737), "gcj02")
        val tour = client.tour(wish.copy(from = GeoPoint(31.25, 121.47)))
        assertEquals(client.stops(all = false).map { it.name }.toSet(), tour.visits.map { it.stop.name }.toSet())
        assertEquals("东湖小区5号楼", tour.visits.first().stop.name, "the nearer one first")
        assertEquals(0u, tour.guessed)
        assertTrue(tour.finish > depart && tour.visits.zipWithNext().all { (a, b) -> a.leave <= b.arrive })
        assertEquals("from", assertFailsWith<WaybellException.BadInput> { client.tour(wish.copy(from = GeoPoint(91.0, 0.0))) }.field)
        assertEquals("datum", assertFailsWith<WaybellException.BadInput> { client.pin("东湖", GeoPoint(1.0, 1.0), "mars") }.field)
        val all = client.search("", 50u).map { it.id }
        val batch = client.notifyAhead("arrived", all, wish, 20u)
        client.syncNow()
        assertEquals(3u, client.progress(batch).batch.recipients)
    }

    @Test
    fun fixesAreKeptOnDutyAndReachTheServer() = day { _, client ->
        val off = Around(false, null, 0, false, null, false)
        assertEquals("off", client.locationPlan(off).priority)
        val dropped = client.pushFixes(ride(3))
        assertEquals(3, dropped.size)
        assertEquals("off_duty" to "未上班", dropped.first().let { it.reason to it.reasonZh })
        client.dutyOn()
        assertTrue(client.trackInfo().onDuty)
        assertEquals("high", client.locationPlan(off.copy(orderActive = true)).priority)
        // of a ride that ends now, what was before the shift is nobody's business
        val before = client.pushFixes(ride(40))
        assertTrue(before.size == 39 && before.all { it.reason == "off_duty" }, before.toString())
        assertTrue(client.trackToday().metres < 1.0)
        client.locationTrouble("no_satellites")
        client.dutyOff()
        assertTrue(!client.trackInfo().onDuty)
        client.sendTracks()
        assertEquals(0u, client.trackInfo().waiting)
        assertEquals("place", assertFailsWith<WaybellException.BadInput> { client.pushFixes(listOf(ride(1)[0].copy(at = GeoPoint(200.0, 0.0)))) }.field)
        assertEquals("reason", assertFailsWith<WaybellException.BadInput> { client.locationTrouble("aliens") }.field)
    }

    @Test
    fun aPunchCountsOnceAndShowsInTheMonth() = day { _, client ->
        val punch = NewPunch(ride(1), emptyList(), "从家里出发", "")
        val first = client.punch("clock_in", punch)
        assertEquals("clock_in" to false, first.kind to first.again)
        assertEquals(first.id, client.punch("clock_in", punch).also { assertTrue(it.again) }.id)
        assertEquals(1u, client.workMonth(null).days.fold(0u) { sum, day -> sum + day.punches }, "before the server knows of it")
        client.syncNow()
        client.refreshAttendance(null)
        assertEquals(1u, client.workMonth(null).days.fold(0u) { sum, day -> sum + day.punches }, "and once after")
        assertEquals("kind", assertFailsWith<WaybellException.BadInput> { client.punch("lunch", punch) }.field)
        assertEquals("month", assertFailsWith<WaybellException.BadInput> { client.workMonth("March") }.field)
    }

    @Test
    fun aLabelAndAVoiceLeadToParcels() = day { _, client ->
        val label = client.readLabel(listOf(LabelLine("收 王伟 138 0000 2001", 0.98f), LabelLine("幸福花园3号楼", null)))
        assertEquals("13800002001" to "recipient", label.first().let { it.phone to it.party })
        assertEquals(2, label.first().parcels.size)
        assertEquals("138****2003", client.readLabel(listOf(LabelLine("张敏 138****2003", null))).first().masked)
        assertEquals("13800002003", client.hearNumber("幺三八 零零零零 二零零三").first().phone)
        assertEquals(emptyList(), client.hearNumber("没有号码"))
    }

    @Test
    fun announcementsAndKnowledgeAreReadWithoutANetwork() = day { world, client ->
        world.posts()
        client.syncNow()
        assertEquals(1u to 1u, client.unread().let { it.unread to it.mustRead })
        val news = client.announcements().single()
        assertTrue(news.mustRead && !news.read, news.toString())
        assertTrue(client.announcementRead(news.id).let { it.read && it.pending })
        client.syncNow()
        assertTrue(client.announcements().single().let { it.read && !it.pending })

        val hit = client.findArticles("破损怎么办", 5u).first()
        assertEquals("破损件处理", hit.title)
        assertTrue("拍照" in hit.line, hit.line)
        assertEquals(hit.id, client.openArticle(hit.id).id)
        assertTrue(client.keepArticle(hit.id, true).let { it.favourite && it.pending })
        assertEquals(hit.id, client.favouriteArticles().single().id)
        assertEquals(1, client.shelves().sumOf { it.articles.size })
        assertEquals("article", assertFailsWith<WaybellException.BadInput> { client.openArticle("no id") }.field)
    }

    @Test
    fun anOrderIsOpenedTakenAndResolved() = day { _, client ->
        val kind = client.orderTypes().first { it.key == "complaint" }
        client.openOrder(NewWorkOrder(kind.key, "客户说少了一件", "王伟", "", "", "YT2000000000001", ""))
        assertEquals("order_open", client.operations().single().kind)
        client.syncNow()
        val order = client.orders(openOnly = true).single()
        assertTrue(order.number.isNotEmpty() && order.content == "客户说少了一件", order.toString())
        // what is not given to this courier is not theirs to resolve
        assertFailsWith<WaybellException.BadInput> { client.orderDeed(order.id, OrderDeed.Resolve("已补送")) }
        assertEquals("type", assertFailsWith<WaybellException.BadInput> { client.openOrder(NewWorkOrder("x", "y", "", "", "", "", "")) }.field)
    }

    @Test
    fun recordingsAreFoundAndEvidenceIsForThoseWhoMay() = day { world, client ->
        world.publish("021-31001234", client.user()!!.id)
        client.setReach("riding", null)
        client.syncNow()
        Customer(world.sip, "02131001234").use { it.leavesAMessage() }
        val search = RecordingSearch("2001", "", null, null, recorded = true, limit = 10u)
        var found = client.findRecordings(search)
        for (i in 0 until 100) {
            if (found.any { it.sound == "done" }) break
            kotlinx.coroutines.delay(100)
            found = client.findRecordings(search)
        }
        assertEquals("voicemail", found.single { it.sound == "done" }.outcome)
        assertEquals(emptyList(), client.findRecordings(search.copy(caller = "9999")))
        val file = File(Files.createTempDirectory("waybell").toFile(), "evidence.zip").path
        assertFailsWith<WaybellException.Refused> { client.evidence(listOf(found.first().id), "客户投诉", file) }
        val boss = WaybellClient.open(Files.createTempDirectory("waybell").toString(), world.url)
        boss.login("boss", world.password)
        val bundle = boss.evidence(listOf(found.first().id), "客户投诉", file)
        assertTrue(bundle.good && bundle.calls == 1u && File(file).length() > 1_000, bundle.toString())
        boss.shutdown()
        boss.destroy()
    }

    private companion object {
        val LIST = "运单号,收件人,电话,地址\n" +
            "YT2000000000001,王伟,13800002001,上海市浦东新区幸福花园3号楼101室\n" +
            "YT2000000000002,王伟,13800002001,上海市浦东新区幸福花园3号楼101室\n" +
            "YT2000000000003,李娜,13800002002,上海市浦东新区幸福花园3号楼102室\n" +
            "YT2000000000004,张敏,13800002003,上海市浦东新区东湖小区5号楼103室\n"

        /** A ride to the north at 5 m/s that ends now, a fix each 5 s. */
        fun ride(fixes: Int): List<Fix> {
            val now = System.currentTimeMillis()
            return List(fixes) {
                val at = GeoPoint(31.2304 + it * 0.000225, 121.4737)
                Fix(at, now - (fixes - 1 - it) * 5_000L, null, 8f, 5f, 0f, null, "gnss", false)
            }
        }
    }
}

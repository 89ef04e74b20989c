package com.waybell

import kotlinx.coroutines.flow.last
import kotlinx.coroutines.flow.onEach
import uniffi.waybell.Progress
import uniffi.waybell.WaybellClient
import uniffi.waybell.WaybellException
import uniffi.waybell.chinese

/** A courier's morning: sign in, import, find, plan, tap, follow. docs/embedding.md shows it; JourneyTest runs it. */
suspend fun morning(
    folder: String, server: String, login: String, password: String, list: ByteArray, show: (String) -> Unit,
): Progress? {
    val client = WaybellClient.open(folder, server) // reads the disk for some milliseconds: not on the main thread
    try {
        if (client.user() == null) client.login(login, password)
        client.resume() // exchange in the background from now on
        val report = client.importCsv(list, dryRun = false) // stored when it returns, with or without a network
        for (p in report.problems + report.notes) show("第 ${p.line} 行 ${p.column}：${chinese(p.problem)}，${chinese(p.hint)}")
        val found = client.search("幸福花园3", 50u).map { it.id }
        show(client.plan("arrived", found).summaryZh) // let the person read it before the tap
        val batch = client.notify("arrived", found)
        return client.progressOf(batch).onEach { show("${it.batch.answered}/${it.batch.recipients}") }.last()
    } catch (e: WaybellException.BadInput) {
        show("${chinese(e.problem)}，${chinese(e.hint)}")
    } catch (e: WaybellException.Offline) {
        show("没有网络") // only calls that ask the server fail so: here login
    } finally {
        client.shutdown()
        client.destroy()
    }
    return null
}

package com.waybell

import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.filter
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.transformWhile
import uniffi.waybell.AppCall
import uniffi.waybell.AppCallListener
import uniffi.waybell.AppCalls
import uniffi.waybell.ChangeListener
import uniffi.waybell.Progress
import uniffi.waybell.Topic
import uniffi.waybell.WaybellClient

/** What changed: every topic once at the start, then as it happens. Cancelling the collection ends the subscription. */
fun WaybellClient.changes(): Flow<Topic> = callbackFlow {
    val subscription = subscribe(object : ChangeListener {
        override fun onChange(topic: Topic) {
            trySend(topic)
        }
    })
    awaitClose {
        subscription.cancel()
        subscription.destroy()
    }
}

/** A batch as it goes: the present state first, then each change; the flow ends when nothing will ring any more. */
fun WaybellClient.progressOf(batch: String): Flow<Progress> = changes()
    .filter { it == Topic.BATCHES }
    .conflate()
    .map { progress(batch) }
    .transformWhile { state ->
        emit(state)
        !state.over
    }

/** The call over the app: as it is now first, then each change, the newest where one is slow. `spokeMs` is of that moment: ask `now()`. */
fun AppCalls.states(): Flow<AppCall> = callbackFlow {
    val subscription = subscribe(object : AppCallListener {
        override fun onCall(call: AppCall) {
            trySend(call)
        }
    })
    awaitClose {
        subscription.cancel()
        subscription.destroy()
    }
}.conflate()

/*
 * The sound of calls over the app, for the threads of microphone and loudspeaker. Beside the generated sources, because a generated
 * call copies and allocates, and these two run a hundred times a second each.
 *
 * Samples are mono, 16 bits, at the rates that AudioHost.format named; pieces of 10 ms are best, any length is taken. Neither function
 * allocates, waits or calls the system; each may be called from a thread of its own. `stream` is what AudioHost.open was given; after
 * the end of its call both do nothing.
 */
#ifndef WAYBELL_AUDIO_H
#define WAYBELL_AUDIO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the microphone heard. 0: go on; 1: the call is over, stop; -1: samples is null. */
int32_t waybell_audio_push(uint64_t stream, const int16_t *samples, uint32_t count);

/* Fills samples with what is to be heard, with silence where there is nothing. The same answers. */
int32_t waybell_audio_pull(uint64_t stream, int16_t *samples, uint32_t count);

#ifdef __cplusplus
}
#endif

#endif

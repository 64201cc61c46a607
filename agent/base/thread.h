/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread for what a thread cannot take back: going into somebody else's namespace. It goes there,
 * and ends there, so that no way back is needed that could fail.
 */
#pragma once

/* Runs it in a thread of its own, which gets no signals, and waits for its end. Its stack has
 * 512 KiB. A negative errno: there is no thread, and nothing was run. */
int thread_run(void *(*run)(void *), void *argument);

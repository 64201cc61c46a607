/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* "succeeded", or the error that the call gave; NULL: there is no such try. */
const char *cage_try(const char *name);

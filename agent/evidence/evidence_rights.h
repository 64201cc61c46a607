/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For good. Errors of capset(2). */
int evidence_rights_drop(void);

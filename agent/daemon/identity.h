/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose state it is. An image that was made of a running host, or of an isolated one, holds that
 * host's journal, record of containment and quarantine; the instance that starts from it must not
 * take them for its own.
 */
#pragma once

/* Where the hypervisor of EC2 (Nitro) says the instance's id. It is there before any network. */
#define IDENTITY_TAG "/sys/class/dmi/id/board_asset_tag"

/* Moves what another instance left in state_dir into a folder in it, and notes whose it is from now
 * on. Packs and what is known of feeds stay. Nothing is done where the tag is no instance's id.
 * 0: it is this instance's, or not on EC2; 1: state was set aside; else a negative errno. Logs what
 * it does, and what it cannot do. */
int identity_check(const char *tag_path, const char *state_dir);

/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Vala has no constant arrays of constant strings, and C compilers warn of others, or refuse them.
 * The property worker-argv is left as it is, which gives a copy. */
namespace Pcall {
	public sealed class Target : GLib.Object {
		[CCode (has_construct_function = false)]
		public Target.worker (
			[CCode (array_length = false, array_null_terminated = true, type = "const char* const*")]
			string[] worker_argv, string name);
		[CCode (has_construct_function = false)]
		public Target.worker_with_label (
			[CCode (array_length = false, array_null_terminated = true, type = "const char* const*")]
			string[] worker_argv, string name, string label);
	}
}

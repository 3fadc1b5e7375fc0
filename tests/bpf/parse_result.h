/* SPDX-License-Identifier: GPL-2.0-only */
/* What parse_all.c found in the frame that it ran on last; tests/parse_fuzz.c reads it. */
#ifndef PARSE_RESULT_H
#define PARSE_RESULT_H

struct parse_result {
	unsigned int ethernet, ip, above; /* whether each was parsed */
	unsigned int type, tags, vlan[2]; /* the outer and the inner one */
	unsigned int version, network_at, protocol, cut_off;
	unsigned int above_at, payload_at;
};

#endif /* PARSE_RESULT_H */

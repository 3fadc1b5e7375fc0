/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Global variables of a BPF program, from outside. libbpf turns each section of them into a map
 * with one value; where in it a variable lies, says the object's BTF (basic05 spells it out).
 */
#ifndef LAB_GLOBAL_H
#define LAB_GLOBAL_H

#include <stddef.h>

#include <bpf/libbpf.h>

/* Before the object is loaded: the value that the variable begins with. 0, or an error. */
int lab_set_global(struct bpf_object *obj, const char *name, const void *value, size_t size);

/*
 * After it was loaded: the variable itself, in memory that we share with the program, to be read
 * until this process ends. NULL after an error.
 */
const volatile void *lab_global(struct bpf_object *obj, const char *name, size_t size);

#endif /* LAB_GLOBAL_H */

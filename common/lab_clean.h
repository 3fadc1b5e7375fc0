/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LAB_CLEAN_H
#define LAB_CLEAN_H

/*
 * After unloading: removes what is left in libxdp's directory of pins by a dispatcher that was on
 * this device, and by a process that was killed while it looked what the kernel can do.
 */
void lab_clean_pins(int ifindex);

#endif /* LAB_CLEAN_H */

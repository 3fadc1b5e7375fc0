// SPDX-License-Identifier: GPL-2.0-only
/* Devices: their numbers, what runs on them, the right to touch them, the routes over them. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "cli.h"
#include "lab_dev.h"
#include "pr.h"

int lab_ifindex(const char *dev)
{
	struct if_nameindex *all, *one;
	int ifindex = if_nametoindex(dev);
	const char *names = "";

	if (ifindex)
		return ifindex;
	all = if_nameindex();
	for (one = all; one && one->if_index && strlen(names) < 400; one++)
		names = pr_text("%s %s", names, one->if_name);
	if (one && one->if_index)
		names = pr_text("%s …", names);
	if (all)
		if_freenameindex(all);
	return pr_err_because(-ENODEV, pr_text("there are:%s", names),
			      pr_text("ip link shows more of each; %s setup makes one to play with.",
				      pr_beside("../testenv/testenv.sh")),
			      "there is no device %s here", dev);
}

int lab_check_root(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = {};
	bool admin, net;

	(void)syscall(SYS_capget, &head, caps);
	admin = caps[0].effective & (1 << CAP_SYS_ADMIN);
	net = caps[0].effective & (1 << CAP_NET_ADMIN);
	if (admin && net)
		return 0;
	if (geteuid())
		return pr_err_because(-EPERM, "only root may put programs into the kernel.",
				      pr_text("sudo %s …", pr_names.self), "you are not root");
	return pr_err_because(-EPERM,
			      pr_text("of the capabilities that it takes, this root lacks%s%s.",
				      admin ? "" : " CAP_SYS_ADMIN", net ? "" : " CAP_NET_ADMIN"),
			      "in a container: start it with --privileged.",
			      "root, but not enough");
}

/* ---- Questions to the kernel, over a netlink socket ---- */

typedef void (*take_message)(const struct nlmsghdr *msg, void *arg);

static int read_answer(int fd, take_message take, void *arg)
{
	char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		ssize_t len = recv(fd, buf, sizeof(buf), 0);
		struct nlmsghdr *msg = (struct nlmsghdr *)buf;

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return len ? -errno : 0;
		for (; NLMSG_OK(msg, len); msg = NLMSG_NEXT(msg, len)) {
			if (msg->nlmsg_type == NLMSG_DONE)
				return 0;
			if (msg->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(msg))->error;
			take(msg, arg);
		}
	}
}

/* flags: NLM_F_DUMP for all that there is, or NLM_F_ACK to know where the one answer ends. */
static int ask(int type, int flags, const void *body, size_t body_size, take_message take,
	       void *arg)
{
	struct {
		struct nlmsghdr head;
		char body[64];
	} request = {
		.head = { .nlmsg_len = NLMSG_LENGTH(body_size),
			  .nlmsg_type = type,
			  .nlmsg_flags = NLM_F_REQUEST | flags },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int err;

	if (fd < 0)
		return -errno;
	if (body)
		memcpy(request.body, body, body_size);
	err = send(fd, &request, request.head.nlmsg_len, 0) < 0 ? -errno :
								  read_answer(fd, take, arg);
	close(fd);
	return err;
}

/* Of any family, everything. */
static int dump(int type, size_t body_size, take_message take, void *arg)
{
	return ask(type, NLM_F_DUMP, NULL, body_size, take, arg);
}

static void sort_attributes(const struct rtattr *attr, int len, const struct rtattr **by_type,
			    int max)
{
	memset(by_type, 0, sizeof(*by_type) * (max + 1));
	for (; RTA_OK(attr, len); attr = RTA_NEXT(attr, len))
		if ((attr->rta_type & NLA_TYPE_MASK) <= max)
			by_type[attr->rta_type & NLA_TYPE_MASK] = attr;
}

static int number_in(const struct rtattr *attr)
{
	return attr && RTA_PAYLOAD(attr) >= sizeof(int) ? *(const int *)RTA_DATA(attr) : 0;
}

/* ---- What runs on a device ---- */

static void take_ids(const struct nlmsghdr *msg, void *arg)
{
	const struct rtattr *attr[IFLA_MAX + 1], *xdp[IFLA_XDP_MAX + 1];
	struct lab_running *running = arg;

	if (msg->nlmsg_type != RTM_NEWLINK)
		return;
	sort_attributes(IFLA_RTA(NLMSG_DATA(msg)), IFLA_PAYLOAD(msg), attr, IFLA_MAX);
	if (!attr[IFLA_XDP])
		return;
	sort_attributes(RTA_DATA(attr[IFLA_XDP]), RTA_PAYLOAD(attr[IFLA_XDP]), xdp, IFLA_XDP_MAX);
	running->native = number_in(xdp[IFLA_XDP_DRV_PROG_ID]);
	running->skb = number_in(xdp[IFLA_XDP_SKB_PROG_ID]);
	running->offload = number_in(xdp[IFLA_XDP_HW_PROG_ID]);
}

int lab_ask_device(int ifindex, struct lab_running *running)
{
	struct ifinfomsg device = { .ifi_index = ifindex };
	int err;

	memset(running, 0, sizeof(*running));
	err = ask(RTM_GETLINK, NLM_F_ACK, &device, sizeof(device), take_ids, running);
	return err == -ENODEV ? 0 : err; /* on none runs nothing */
}

/* ---- Routes ---- */

/* A device and those above it: the bridge that it is a port of, the VLANs on it, ... */
struct stack {
	int ifindex[64];
	int count;
	bool grew;
};

static bool in_stack(const struct stack *stack, int ifindex)
{
	for (int i = 0; i < stack->count; i++)
		if (stack->ifindex[i] == ifindex)
			return true;
	return false;
}

static void put_on_stack(struct stack *stack, int ifindex)
{
	if (!ifindex || in_stack(stack, ifindex) || stack->count == 64)
		return;
	stack->ifindex[stack->count++] = ifindex;
	stack->grew = true;
}

/* The device that one stands on; 0 for none. */
static int below(const struct rtattr *const *attr)
{
	const struct rtattr *info[IFLA_INFO_MAX + 1], *vxlan[IFLA_VXLAN_MAX + 1];
	const char *kind = "";

	if (attr[IFLA_LINKINFO]) {
		sort_attributes(RTA_DATA(attr[IFLA_LINKINFO]), RTA_PAYLOAD(attr[IFLA_LINKINFO]),
				info, IFLA_INFO_MAX);
		kind = info[IFLA_INFO_KIND] ? RTA_DATA(info[IFLA_INFO_KIND]) : "";
	}
	if (!strcmp(kind, "vxlan") && info[IFLA_INFO_DATA]) {
		sort_attributes(RTA_DATA(info[IFLA_INFO_DATA]), RTA_PAYLOAD(info[IFLA_INFO_DATA]),
				vxlan, IFLA_VXLAN_MAX);
		return number_in(vxlan[IFLA_VXLAN_LINK]);
	}
	/* A veth names its other end here, which is no device below it. */
	return attr[IFLA_LINK_NETNSID] || !strcmp(kind, "veth") ? 0 : number_in(attr[IFLA_LINK]);
}

/* One device: if what it stands on is in the stack, so is it; if it is a port, so is its master. */
static void stack_link(const struct nlmsghdr *msg, void *arg)
{
	const struct ifinfomsg *link = NLMSG_DATA(msg);
	const struct rtattr *attr[IFLA_MAX + 1];
	struct stack *stack = arg;

	if (msg->nlmsg_type != RTM_NEWLINK)
		return;
	sort_attributes(IFLA_RTA(link), IFLA_PAYLOAD(msg), attr, IFLA_MAX);
	if (in_stack(stack, link->ifi_index))
		put_on_stack(stack, number_in(attr[IFLA_MASTER]));
	if (in_stack(stack, below(attr)))
		put_on_stack(stack, link->ifi_index);
}

struct found_route {
	struct stack stack;
	bool next_hop_here; /* some nexthop object (ip nexthop) leads over the stack */
	char text[200]; /* "" while none is found */
};

static void describe_route(struct found_route *found, const struct rtmsg *route,
			   const struct rtattr *gateway, int table, int oif)
{
	char via[INET6_ADDRSTRLEN] = "", name[IF_NAMESIZE] = "?";

	if (gateway)
		inet_ntop(route->rtm_family, RTA_DATA(gateway), via, sizeof(via));
	if_indextoname(oif, name);
	snprintf(found->text, sizeof(found->text), "ip -%d route: default%s%s dev %s",
		 route->rtm_family == AF_INET ? 4 : 6, *via ? " via " : "", via, name);
	if (table != RT_TABLE_MAIN)
		snprintf(found->text + strlen(found->text),
			 sizeof(found->text) - strlen(found->text), " table %d", table);
}

static void look_at_hops(const struct rtattr *hops, struct found_route *found,
			 const struct rtmsg *route, int table)
{
	const struct rtnexthop *hop = RTA_DATA(hops);
	int len = RTA_PAYLOAD(hops);

	/* RTNH_OK() looks before it asks whether anything is left. */
	while (len >= (int)sizeof(*hop) && RTNH_OK(hop, len) && !*found->text) {
		if (in_stack(&found->stack, hop->rtnh_ifindex))
			describe_route(found, route, NULL, table, hop->rtnh_ifindex);
		len -= NLMSG_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
}

/* The default routes, as the kernel told of them, one after the other. */
struct routes {
	char *messages;
	size_t size;
	bool too_many;
};

static void keep_default(const struct nlmsghdr *msg, void *arg)
{
	const struct rtmsg *route = NLMSG_DATA(msg);
	struct routes *kept = arg;
	size_t size = NLMSG_ALIGN(msg->nlmsg_len);
	char *larger;

	if (msg->nlmsg_type != RTM_NEWROUTE || route->rtm_dst_len ||
	    route->rtm_type != RTN_UNICAST ||
	    (route->rtm_family != AF_INET && route->rtm_family != AF_INET6))
		return;
	larger = realloc(kept->messages, kept->size + size);
	if (!larger) {
		kept->too_many = true;
		return;
	}
	kept->messages = larger;
	memcpy(larger + kept->size, msg, msg->nlmsg_len);
	kept->size += size;
}

static void look_at_route(const struct nlmsghdr *msg, struct found_route *found)
{
	const struct rtmsg *route = NLMSG_DATA(msg);
	const struct rtattr *attr[RTA_MAX + 1];
	int table;

	sort_attributes(RTM_RTA(route), RTM_PAYLOAD(msg), attr, RTA_MAX);
	table = attr[RTA_TABLE] ? number_in(attr[RTA_TABLE]) : route->rtm_table;
	if (in_stack(&found->stack, number_in(attr[RTA_OIF])))
		describe_route(found, route, attr[RTA_GATEWAY], table, number_in(attr[RTA_OIF]));
	if (attr[RTA_MULTIPATH])
		look_at_hops(attr[RTA_MULTIPATH], found, route, table);
	/* The kernel may name nothing but a nexthop object, alone or of a group: any is suspect. */
	if (attr[RTA_NH_ID] && !attr[RTA_OIF] && !attr[RTA_MULTIPATH] && found->next_hop_here)
		describe_route(found, route, NULL, table, found->stack.ifindex[0]);
}

static void look_at_nexthop(const struct nlmsghdr *msg, void *arg)
{
	const struct nhmsg *hop = NLMSG_DATA(msg);
	const struct rtattr *attr[NHA_MAX + 1];
	struct found_route *found = arg;

	if (msg->nlmsg_type != RTM_NEWNEXTHOP)
		return;
	sort_attributes((const struct rtattr *)((const char *)hop + NLMSG_ALIGN(sizeof(*hop))),
			NLMSG_PAYLOAD(msg, sizeof(*hop)), attr, NHA_MAX);
	found->next_hop_here |= in_stack(&found->stack, number_in(attr[NHA_OIF]));
}

/* Devices may stand on each other in any order, several high. */
static int find_stack(struct stack *stack)
{
	int err;

	do {
		stack->grew = false;
		err = dump(RTM_GETLINK, sizeof(struct ifinfomsg), stack_link, stack);
	} while (!err && stack->grew);
	return err;
}

static int find_route(struct found_route *found)
{
	struct routes kept = {};
	size_t at = 0;
	int err = dump(RTM_GETROUTE, sizeof(struct rtmsg), keep_default, &kept);

	if (!err && kept.too_many)
		err = -ENOMEM;
	if (!err && kept.size) /* without a default route, it does not matter which devices */
		err = find_stack(&found->stack);
	if (!err && kept.size)
		err = dump(RTM_GETNEXTHOP, sizeof(struct nhmsg), look_at_nexthop, found);
	while (!err && at < kept.size && !*found->text) {
		const struct nlmsghdr *msg = (const struct nlmsghdr *)(kept.messages + at);

		look_at_route(msg, found);
		at += NLMSG_ALIGN(msg->nlmsg_len);
	}
	free(kept.messages);
	return err;
}

int lab_check_route(const char *dev, int ifindex)
{
	struct found_route found = { .stack = { .ifindex = { ifindex }, .count = 1 } };
	int err;

	if (ifindex == 1) /* that is lo, in every network namespace: nobody's way in */
		return 0;
	err = find_route(&found);
	if (err)
		return pr_err(err, "cannot find out which routes lead over %s", dev);
	if (!*found.text)
		return 0;
	return pr_err_because(-EPERM,
			      pr_text("this machine's way out leads over it (%s),\n"
				      "and a program that drops packets there cuts you off.",
				      found.text),
			      pr_text("try it in a network made for it: %s setup\n"
				      "%sor, if you are sure: --force",
				      pr_beside("../testenv/testenv.sh"),
				      cli_offers(CLI_ATTACH) ?
					      "or for a while, after which the kernel detaches: "
					      "--for 30\n" :
					      ""),
			      "not attaching to %s, for your safety", dev);
}

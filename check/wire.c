// SPDX-License-Identifier: GPL-2.0-only
/* A veth pair, raw frames on it, and what the kernel says of the programs there. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include "grade.h"

struct wire wire;

static int behind = -1; /* a socket that sees what goes up from wire.dev */
static int other_end = -1; /* one that sends, and sees what comes back */

/* The ip command, told what to do on its stdin; it says itself what it does not like. */
static void ip_batch(const char *lines)
{
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		give_up(errno, "no pipe");
	pid = fork();
	if (!pid) {
		dup2(fds[0], STDIN_FILENO);
		execlp("ip", "ip", "-batch", "-", NULL);
		_exit(127);
	}
	if (pid < 0 || write(fds[1], lines, strlen(lines)) != (ssize_t)strlen(lines))
		give_up(errno, "cannot talk to ip");
	close(fds[0]);
	close(fds[1]);
	if (waitpid(pid, &status, 0) != pid || status)
		give_up(0, "ip cannot do: %s", lines);
}

/* Checksums that are wrong shall be seen: nothing computes them late. */
static void no_checksum_offload(int sock, const char *dev)
{
	struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM };
	struct ifreq req = { .ifr_data = (char *)&value };

	strcpy(req.ifr_name, dev);
	if (ioctl(sock, SIOCETHTOOL, &req))
		give_up(errno, "cannot turn off checksum offload on %s", dev);
}

static int packet_socket(int ifindex)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), space = 8 << 20;

	to.sll_ifindex = ifindex;
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)))
		give_up(errno, "no packet socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &space, sizeof(space));
	return fd;
}

int own_program(__u32 verdict)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd;

	opts.expected_attach_type =
		BPF_XDP; /* as libbpf loads the lesson's: one array takes both */
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, text("lab_%x", wanted.seed), "GPL", insns, 2, &opts);
	if (fd < 0)
		give_up(fd, "the kernel takes no BPF program");
	return fd;
}

void lay_wire(void)
{
	unsigned int number = rnd(10, 99), index = rnd(20000, 60000);

	wire.dev = text("lab%u", number);
	wire.peer = text("far%u", number);
	wire.ifindex = index;
	wire.peer_ifindex = index + rnd(1, 999);
	ip_batch(text("link add dev %s index %u mtu 1500 type veth "
		      "peer name %s index %u mtu 1500\n"
		      "link set dev lo up\nlink set dev %s up\nlink set dev %s up\n",
		      wire.dev, wire.ifindex, wire.peer, wire.peer_ifindex, wire.dev, wire.peer));
	behind = packet_socket(wire.ifindex);
	other_end = packet_socket(wire.peer_ifindex);
	no_checksum_offload(behind, wire.dev);
	no_checksum_offload(behind, wire.peer);
	/* What a program on wire.dev sends back arrives only where one runs at the other end. */
	if (bpf_xdp_attach(wire.peer_ifindex, own_program(XDP_PASS), XDP_FLAGS_DRV_MODE, NULL))
		give_up(errno, "a veth takes no XDP program in native mode");
	if (wanted.noise)
		make_noise();
}

void allow_large_frames(bool yes)
{
	ip_batch(text("link set dev %s mtu %d\n", wire.peer, yes ? 9000 : 1500));
}

/* ---- Frames in and out ---- */

void send_frame(const struct frame *frame)
{
	while (send(other_end, frame->bytes, frame->len, 0) != (ssize_t)frame->len) {
		if (errno != EAGAIN && errno != ENOBUFS)
			give_up(errno, "cannot send a frame");
		pause_ms(1);
	}
}

/* Is it one of ours, and not the copy that each sender gets of what it sends? */
static bool is_ours(const unsigned char *bytes, ssize_t len, const struct sockaddr_ll *from)
{
	unsigned int mark = our_mark();

	return from->sll_pkttype != PACKET_OUTGOING && len >= 60 &&
	       !memcmp(bytes + len - 4, &mark, 4);
}

static unsigned int receive(int fd, unsigned int hoped_for)
{
	double deadline = seconds() + (hoped_for ? 0.3 : 0.02);
	unsigned char bytes[FRAME_MAX];
	struct sockaddr_ll from;
	unsigned int count = 0;

	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t len =
			recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size);

		if (len >= 0)
			count += is_ours(bytes, len, &from);
		else if (errno != EAGAIN || seconds() > deadline)
			return count;
		else if (hoped_for && count >= hoped_for)
			hoped_for = 0, deadline = seconds() + 0.01; /* there may be too many */
		else
			pause_ms(1);
	}
}

unsigned int arrived(unsigned int hoped_for)
{
	return receive(behind, hoped_for);
}

unsigned int returned(unsigned int hoped_for)
{
	return receive(other_end, hoped_for);
}

/* ---- Under fire ---- */

static struct {
	pthread_t thread;
	atomic_bool on;
	struct frame frame;
	int fd;
	unsigned long count, not_taken;
} fire;

/* What the sending end could not get rid of, because the other end was too slow. */
static unsigned long not_taken(void)
{
	FILE *in = fopen(text("/sys/class/net/%s/statistics/tx_dropped", wire.peer), "re");
	unsigned long count;

	if (!in || fscanf(in, "%lu", &count) != 1)
		give_up(errno, "cannot read the statistics of %s", wire.peer);
	fclose(in);
	return count;
}

static void *keep_firing(void *unused)
{
	(void)unused;
	/* Newer kernels say of a frame here, too, that it was not taken: it counts all the same. */
	while (atomic_load(&fire.on)) {
		if (send(fire.fd, fire.frame.bytes, fire.frame.len, 0) > 0 || errno == ENOBUFS)
			fire.count++;
	}
	return NULL;
}

void open_fire(const struct frame *frame)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = wire.peer_ifindex };

	fire.frame = *frame;
	fire.count = 0;
	fire.not_taken = not_taken();
	fire.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* receives nothing */
	if (fire.fd < 0 || bind(fire.fd, (struct sockaddr *)&to, sizeof(to)))
		give_up(errno, "no packet socket");
	atomic_store(&fire.on, true);
	if (pthread_create(&fire.thread, NULL, keep_firing, NULL))
		give_up(EAGAIN, "cannot start a thread");
}

unsigned long cease_fire(void)
{
	atomic_store(&fire.on, false);
	pthread_join(fire.thread, NULL);
	close(fire.fd);
	pause_ms(20); /* the last ones are under way */
	return fire.count - (not_taken() - fire.not_taken);
}

/* ---- Noise, for the tests: what other hosts send on a real wire ---- */

void make_noise(void)
{
	static const unsigned short types[] = { ETH_P_IPV6, ETH_P_ARP, ETH_P_IP, 0x88cc };
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = wire.peer_ifindex };
	pid_t parent = getpid();
	int fd;

	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (getppid() != parent || bind(fd, (struct sockaddr *)&to, sizeof(to)))
		_exit(1);
	for (unsigned int n = 0;; n++) {
		struct frame frame = frame_of(types[n % 4], rnd(64, 600));

		memset(frame.bytes + frame.len - 4, n, 4); /* not one of ours */
		if (types[n % 4] == ETH_P_IPV6)
			memcpy(frame.bytes, "\x33\x33\0\0\0\x01", 6);
		if (send(fd, frame.bytes, frame.len, 0) < 0)
			pause_ms(1);
		pause_ms(rnd(0, 2));
	}
}

/* ---- What the kernel says ---- */

/*
 * Asked in a process of its own: where programs share devices, libxdp keeps descriptors of those
 * that it was asked about, and here they would hold programs that nobody else holds any more.
 */
unsigned int attached(struct lab_prog progs[LAB_MAX_PROGS])
{
	struct {
		int count;
		struct lab_prog progs[LAB_MAX_PROGS];
	} answer = {}; /* short enough for a pipe to take it at once */
	ssize_t got;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		give_up(errno, "no pipe");
	pid = fork();
	if (!pid) {
		answer.count = lab_programs(wire.ifindex, answer.progs);
		_exit(write(fds[1], &answer, sizeof(answer)) != sizeof(answer));
	}
	close(fds[1]);
	got = pid < 0 ? -1 : read(fds[0], &answer, sizeof(answer));
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (got != sizeof(answer))
		give_up(0, "a process that asks what runs on %s broke down", wire.dev);
	if (answer.count < 0)
		give_up(answer.count, "cannot ask what runs on %s", wire.dev);
	memcpy(progs, answer.progs, sizeof(answer.progs));
	return answer.count;
}

__u32 id_of(int prog_fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		give_up(errno, "cannot ask about a program");
	return info.id;
}

bool is_loaded(__u32 prog_id)
{
	int fd = bpf_prog_get_fd_by_id(prog_id);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool has_dispatcher(void)
{
	return lab_can_share();
}

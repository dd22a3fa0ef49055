/*
 * The guest agent of docs/agent-protocol.md: tells the manager what this machine uses, and opens
 * terminals in it. Started once, by init, as root: standard input is the virtio port that its host
 * holds the other end of, standard error the console. With an argument it listens at a port of vsock
 * instead, and standard input is the host that called last. It sleeps until it is asked for
 * something, and goes on whatever comes: a VM that cannot be looked into would have to be replaced.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Tests run it on a host, which has these elsewhere. */
#ifndef SHELL
#define SHELL "/bin/sh"
#endif
#ifndef HOME
#define HOME "/root"
#endif
#ifndef SERVER_PID
#define SERVER_PID "/run/runtime-server.pid"
#endif

enum { PORT = 0 };
/* linux/vm_sockets.h. Only root may listen at a port below 1024. */
enum { VSOCK = 40, VSOCK_PORT = 1000 };
enum { MEASURE = 1, OPEN = 2, INPUT = 3, RESIZE = 4, CREDIT = 5, CLOSE = 6, FIGURES = 7, OUTPUT = 8, ENDED = 9 };
enum { TERMINALS = 8, WINDOW = 65536, PAYLOAD = 16384, PASSWORD = 64, LOGIN_SECONDS = 60, LOGIN_TRIES = 3 };
enum { STATUS_NOT_STARTED = 126, GRACE_SECONDS = 2 };

struct header {
	uint32_t length; /* of the payload that follows */
	uint16_t kind;
	uint16_t terminal; /* from 1; 0 where it is none's */
};

struct size {
	uint16_t columns, rows;
};

struct opening {
	struct size size;
	uint32_t welcome; /* 1: whoever opens it has shown the password */
	char password[PASSWORD];
};

struct terminal {
	pid_t leader;        /* 0: there is no such terminal */
	int master;          /* -1: it has hung up, and its leader is yet to end */
	int has_ended;       /* its leader, who is yet to be reaped: nobody else gets that number */
	uint32_t last;       /* then, bytes of output that are passed on at most */
	time_t hung_up;
	uint32_t credit;     /* bytes of output that the host still takes */
	uint32_t start, end; /* of what its programs have not read yet */
	char input[WINDOW];
};

static struct terminal terminals[TERMINALS];

/* Where hosts call; -1 where there is a port that is always connected. */
static int listener = -1;

/* Whether standard input is a host: nobody has called yet, or who did has hung up. */
static int has_host = 1;

/* What came was no frame, so nobody knows where the next begins: waits until the line is quiet. */
static int is_deaf;

static time_t seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* The end of this program is the end of what can be seen in the VM, and not that of the VM. */
static void fail(const char *what)
{
	fprintf(stderr, "agent: Cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Where there is no host any more, it goes nowhere: the one that comes has asked for nothing yet. */
static void write_whole(const char *at, size_t length)
{
	while (length > 0) {
		ssize_t count = write(PORT, at, length);
		if (count > 0) {
			at += count;
			length -= count;
			continue;
		}
		if (count < 0 && errno == EPIPE)
			return;
		if (count < 0 && errno != EINTR && errno != EAGAIN)
			fail("write to its port");
		struct pollfd port = { .fd = PORT, .events = POLLOUT };
		if (poll(&port, 1, -1) > 0 && (port.revents & (POLLHUP | POLLERR)))
			return;
	}
}

static void answer(int kind, int terminal, const void *payload, uint32_t length)
{
	/* As one, so that the host is woken once for it. */
	static char frame[sizeof(struct header) + PAYLOAD];
	struct header header = { .length = length, .kind = kind, .terminal = terminal };
	memcpy(frame, &header, sizeof header);
	memcpy(frame + sizeof header, payload, length);
	write_whole(frame, sizeof header + length);
}

/* Appends what the file holds, as far as whole lines of it fit, after a line with its path. */
static size_t append_file(char *text, size_t length, const char *path)
{
	/* As much of each, so that a long one leaves room for those that follow. */
	size_t limit = length + 3000 < PAYLOAD ? length + 3000 : PAYLOAD;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return length;
	length += snprintf(text + length, limit - length, "== %s\n", path);
	for (ssize_t count = 1; count > 0 && length < limit; length += count > 0 ? count : 0)
		count = read(file, text + length, limit - length);
	close(file);
	/* Half a number would be a wrong one. */
	while (text[length - 1] != '\n')
		length--;
	return length;
}

static void measure(void)
{
	static const char *paths[] = { "/proc/stat", "/proc/meminfo", "/proc/diskstats", "/proc/net/dev" };
	static char text[PAYLOAD];
	size_t length = 0;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		length = append_file(text, length, paths[i]);
	FILE *file = fopen(SERVER_PID, "re");
	int server;
	if (file != NULL && fscanf(file, "%d", &server) == 1) {
		char path[32];
		snprintf(path, sizeof path, "/proc/%d/status", server);
		length = append_file(text, length, path);
	}
	if (file != NULL)
		fclose(file);
	answer(FIGURES, 0, text, length);
}

/* Reads a line from the terminal, without its end; one that is too long becomes empty. */
static int ask(const char *prompt, char *line)
{
	size_t length = 0;
	char next;
	memset(line, 0, PASSWORD);
	if (write(STDOUT_FILENO, prompt, strlen(prompt)) < 0)
		return 0;
	while (read(STDIN_FILENO, &next, 1) == 1) {
		if (next == '\n') {
			if (length >= PASSWORD)
				memset(line, 0, PASSWORD);
			return 1;
		}
		if (length < PASSWORD)
			line[length] = next;
		length++;
	}
	return 0;
}

static int same(const char *a, const char *b)
{
	/* Takes as long whatever they have in common. */
	char difference = 0;
	for (size_t i = 0; i < PASSWORD; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

/* Whether whoever sits at the terminal knows who they should be. */
static int log_in(const char *password)
{
	char name[PASSWORD], given[PASSWORD], host[65] = "", prompt[80];
	struct termios shown, hidden;
	alarm(LOGIN_SECONDS);
	gethostname(host, sizeof host - 1);
	snprintf(prompt, sizeof prompt, "%s login: ", host);
	tcgetattr(STDIN_FILENO, &shown);
	hidden = shown;
	hidden.c_lflag &= ~ECHO;
	for (int try = 0; try < LOGIN_TRIES; try++) {
		if (!ask(prompt, name))
			return 0;
		tcsetattr(STDIN_FILENO, TCSANOW, &hidden);
		int answered = ask("Password: ", given);
		tcsetattr(STDIN_FILENO, TCSANOW, &shown);
		if (!answered || write(STDOUT_FILENO, "\r\n", 2) < 0)
			return 0;
		/* Without a password nobody gets in. */
		if (password[0] != 0 && same(given, password) && strcmp(name, "root") == 0) {
			alarm(0);
			return 1;
		}
		sleep(1);
		if (write(STDOUT_FILENO, "Login incorrect\r\n", 17) < 0)
			return 0;
	}
	return 0;
}

/* Gives up what was the agent's: its signals, the other terminals, and that it is never ended. */
static void become_ordinary(void)
{
	struct termios ways;
	sigset_t none;
	/* A shell that finds Ctrl-C ignored, as what runs in the background does, could never use it. */
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* One that was open here too would not hang up. */
	for (int i = 0; i < TERMINALS; i++)
		if (terminals[i].leader != 0 && terminals[i].master >= 0)
			close(terminals[i].master);
	/* The kernel may end what is run here, where memory is short. */
	int adjustment = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (adjustment >= 0 && write(adjustment, "0", 1) == 1)
		close(adjustment);
	/* Backspace takes a character, however many bytes that has. */
	if (tcgetattr(STDIN_FILENO, &ways) == 0) {
		ways.c_iflag |= IUTF8;
		tcsetattr(STDIN_FILENO, TCSANOW, &ways);
	}
}

static void run_shell(const struct opening *opening)
{
	/* What `login` would do, which throws away what was typed before it had started. */
	static char *const words[] = { "-sh", NULL };
	static char *const environment[] = {
		"HOME=" HOME, "LANG=C.UTF-8", "LOGNAME=root", "SHELL=/bin/sh", "TERM=xterm-256color", "USER=root", NULL,
	};
	become_ordinary();
	if (!opening->welcome && !log_in(opening->password))
		_exit(1);
	if (chdir(HOME) == 0)
		execve(SHELL, words, environment);
	_exit(STATUS_NOT_STARTED);
}

static struct winsize window_of(const struct size *size)
{
	return (struct winsize){ .ws_row = size->rows, .ws_col = size->columns };
}

static void report_end(int number, int32_t status)
{
	answer(ENDED, number, &status, sizeof status);
}

static void open_terminal(int number, const struct opening *opening)
{
	struct terminal *terminal = &terminals[number - 1];
	struct winsize window = window_of(&opening->size);
	int master;
	/* The terminal has its size before anything runs that could ask for it. */
	pid_t leader = forkpty(&master, NULL, NULL, &window);
	if (leader == 0)
		run_shell(opening);
	if (leader < 0) {
		report_end(number, STATUS_NOT_STARTED);
		return;
	}
	fcntl(master, F_SETFD, FD_CLOEXEC);
	fcntl(master, F_SETFL, O_NONBLOCK);
	terminal->leader = leader;
	terminal->master = master;
	terminal->has_ended = 0;
	terminal->start = terminal->end = 0;
	terminal->credit = WINDOW;
}

/* Its programs get SIGHUP, as if a line had been cut. */
static void hang_up(struct terminal *terminal)
{
	if (terminal->master < 0)
		return;
	close(terminal->master);
	terminal->master = -1;
	terminal->hung_up = seconds();
	kill(-terminal->leader, SIGHUP);
	kill(-terminal->leader, SIGCONT);
}

/* A new host has opened nothing yet. */
static void end_all(void)
{
	for (struct terminal *terminal = terminals; terminal < terminals + TERMINALS; terminal++) {
		if (terminal->leader == 0)
			continue;
		hang_up(terminal);
		kill(terminal->leader, SIGKILL);
		while (waitpid(terminal->leader, NULL, 0) < 0 && errno == EINTR)
			;
		terminal->leader = 0;
	}
}

static void pass_output(int number)
{
	struct terminal *terminal = &terminals[number - 1];
	char bytes[PAYLOAD];
	size_t limit = terminal->credit < sizeof bytes ? terminal->credit : sizeof bytes;
	ssize_t count = read(terminal->master, bytes, limit);
	if (count > 0) {
		terminal->credit -= count;
		terminal->last -= (uint32_t)count < terminal->last ? (uint32_t)count : terminal->last;
		answer(OUTPUT, number, bytes, count);
	} else if (count == 0 || (errno != EAGAIN && errno != EINTR) || terminal->has_ended) {
		/* EIO: nobody has it open any more. Others than its leader may have it open for ever. */
		hang_up(terminal);
	}
}

static void pass_input(int number)
{
	struct terminal *terminal = &terminals[number - 1];
	uint32_t length = terminal->end - terminal->start;
	ssize_t count = write(terminal->master, terminal->input + terminal->start, length);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* Where nobody has it open any more, nobody will read it. */
	uint32_t taken = count > 0 ? count : length;
	terminal->start += taken;
	if (terminal->start == terminal->end)
		terminal->start = terminal->end = 0;
	answer(CREDIT, number, &taken, sizeof taken);
}

/* Whether the process has ended; does not reap it. */
static int is_over(pid_t process)
{
	siginfo_t info = { .si_pid = 0 };
	return waitid(P_PID, process, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* Lets a terminal go whose leader has ended, and says so. */
static void tend(int number)
{
	struct terminal *terminal = &terminals[number - 1];
	int status;
	if (terminal->leader == 0)
		return;
	if (!terminal->has_ended && is_over(terminal->leader)) {
		terminal->has_ended = 1;
		/* More than a terminal keeps was printed by others, who may never end. */
		terminal->last = WINDOW;
	}
	if (terminal->has_ended && terminal->master >= 0 && terminal->last == 0)
		hang_up(terminal);
	else if (terminal->has_ended && terminal->master >= 0 && terminal->credit > 0)
		pass_output(number);
	if (terminal->master >= 0)
		return;
	if (!terminal->has_ended && seconds() - terminal->hung_up >= GRACE_SECONDS)
		kill(terminal->leader, SIGKILL);
	if (!terminal->has_ended || waitpid(terminal->leader, &status, 0) < 0)
		return;
	terminal->leader = 0;
	report_end(number, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* The host sends no more than was taken from it and what fits; what is more is dropped. */
static void keep_input(struct terminal *terminal, const char *bytes, size_t length)
{
	if (terminal->end + length > WINDOW) {
		memmove(terminal->input, terminal->input + terminal->start, terminal->end - terminal->start);
		terminal->end -= terminal->start;
		terminal->start = 0;
	}
	if (terminal->end + length > WINDOW)
		length = WINDOW - terminal->end;
	memcpy(terminal->input + terminal->end, bytes, length);
	terminal->end += length;
}

static void add_credit(struct terminal *terminal, uint32_t taken)
{
	uint32_t room = WINDOW - terminal->credit;
	terminal->credit += taken < room ? taken : room;
}

static void handle_open(const struct header *header, const char *payload)
{
	if (header->length != sizeof(struct opening) || header->terminal < 1 || header->terminal > TERMINALS)
		report_end(header->terminal, STATUS_NOT_STARTED);
	else if (terminals[header->terminal - 1].leader == 0)
		open_terminal(header->terminal, (const struct opening *)payload);
}

/* What is unknown, and what is about a terminal that has ended meanwhile, is passed over. */
static void handle(const struct header *header, const char *payload)
{
	if (header->kind == MEASURE)
		measure();
	if (header->kind == OPEN)
		handle_open(header, payload);
	if (header->terminal < 1 || header->terminal > TERMINALS)
		return;
	struct terminal *terminal = &terminals[header->terminal - 1];
	if (terminal->leader == 0 || terminal->master < 0)
		return;
	if (header->kind == INPUT)
		keep_input(terminal, payload, header->length);
	if (header->kind == CREDIT && header->length == sizeof(uint32_t))
		add_credit(terminal, *(const uint32_t *)payload);
	if (header->kind == CLOSE)
		hang_up(terminal);
	if (header->kind == RESIZE && header->length == sizeof(struct size)) {
		struct winsize window = window_of((const struct size *)payload);
		ioctl(terminal->master, TIOCSWINSZ, &window);
	}
}

/* Reads what is there, and handles the frame when that is the whole of it. */
static void read_port(void)
{
	static union {
		struct header header;
		char bytes[sizeof(struct header) + PAYLOAD];
	} frame;
	static size_t length;
	size_t wanted = sizeof frame.header;
	if (length >= wanted)
		wanted += frame.header.length;
	ssize_t count = read(PORT, frame.bytes + length, is_deaf ? sizeof frame : wanted - length);
	if (count < 0 && errno != EINTR && errno != EAGAIN && errno != ECONNRESET)
		fail("read its port");
	if (count == 0 || (count < 0 && errno == ECONNRESET)) {
		/* A port without a host says so at once: wait 50 ms for one, who begins anew. */
		end_all();
		is_deaf = length = 0;
		has_host = listener < 0;
		if (has_host)
			usleep(50000);
	}
	if (count <= 0 || is_deaf)
		return;
	length += count;
	if (length < sizeof frame.header)
		return;
	if (frame.header.length > PAYLOAD) {
		fprintf(stderr, "agent: Cannot take a frame of %u bytes\n", (unsigned)frame.header.length);
		end_all();
		is_deaf = 1;
		length = 0;
		return;
	}
	if (length < sizeof frame.header + frame.header.length)
		return;
	length = 0;
	handle(&frame.header, frame.bytes + sizeof frame.header);
}

/* What to wait for at a terminal: not for what cannot be passed on, which may be there for long. */
static struct pollfd poll_of(const struct terminal *terminal)
{
	int events = 0;
	if (terminal->leader != 0 && terminal->master >= 0) {
		events |= terminal->credit > 0 ? POLLIN : 0;
		events |= terminal->end > terminal->start && !terminal->has_ended ? POLLOUT : 0;
	}
	return (struct pollfd){ .fd = events != 0 ? terminal->master : -1, .events = events };
}

/* How long to wait at most: in ms, -1 for as long as it takes. */
static int patience(void)
{
	int limit = is_deaf ? 1000 : -1;
	for (const struct terminal *terminal = terminals; terminal < terminals + TERMINALS; terminal++) {
		if (terminal->leader == 0)
			continue;
		if (terminal->has_ended && terminal->credit > 0)
			return 0;
		if (terminal->master < 0)
			limit = 1000;
	}
	return limit;
}

/* Listens at a port of vsock, which outlives a snapshot; connections do not. */
static void listen_for_hosts(void)
{
	struct {
		uint16_t family, reserved;
		uint32_t port, cid;
		uint32_t rest;
	} address = { .family = VSOCK, .port = VSOCK_PORT, .cid = UINT32_MAX };
	listener = socket(VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1) < 0)
		fail("listen for its host");
	has_host = 0;
}

static void meet_host(void)
{
	int host = accept(listener, NULL, NULL);
	if (host < 0)
		return;
	dup2(host, PORT);
	close(host);
	fcntl(PORT, F_SETFD, FD_CLOEXEC);
	fcntl(PORT, F_SETFL, O_RDWR | O_NONBLOCK);
	has_host = 1;
}

static void wake_up(int number)
{
	(void)number;
}

int main(int count_of_arguments, char **arguments)
{
	(void)arguments;
	struct sigaction child = { .sa_handler = wake_up };
	sigset_t usual, blocked;
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGCHLD, &child, NULL);
	/* It may only come while nothing is done but to wait, so that none is missed. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &usual);
	sigdelset(&usual, SIGCHLD);
	fcntl(PORT, F_SETFD, FD_CLOEXEC);
	fcntl(PORT, F_SETFL, O_RDWR | O_NONBLOCK);
	if (count_of_arguments > 1)
		listen_for_hosts();
	for (;;) {
		struct pollfd polled[1 + TERMINALS] = { { .fd = has_host ? PORT : listener, .events = POLLIN } };
		for (int i = 0; i < TERMINALS; i++)
			polled[i + 1] = poll_of(&terminals[i]);
		int limit = patience();
		struct timespec longest = { .tv_sec = limit / 1000 };
		int count = ppoll(polled, 1 + TERMINALS, limit < 0 ? NULL : &longest, &usual);
		if (count < 0 && errno != EINTR)
			fail("wait for its port");
		if (count < 0)
			memset(polled, 0, sizeof polled);
		if (count == 0)
			is_deaf = 0;
		for (int number = 1; number <= TERMINALS; number++) {
			int events = polled[number].revents;
			if (events & POLLOUT)
				pass_input(number);
			if ((events & (POLLIN | POLLHUP | POLLERR)) && terminals[number - 1].credit > 0)
				pass_output(number);
			tend(number);
		}
		if (polled[0].revents != 0 && has_host)
			read_port();
		else if (polled[0].revents != 0)
			meet_host();
	}
}

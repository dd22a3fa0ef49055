/*
 * The root program of "The wake channel" in docs/runtime-protocol.md: gives a clone what it must
 * not share with its siblings before any of its code runs. Started once, by init: standard input is
 * a virtio port, or the serial port in raw mode, standard output the FIFO to the runtime server,
 * standard error the console.
 *
 * Without a C library: there is none to link it with where images are built, and what a clone waits
 * for has to be short. Every file is open before the first message comes.
 */

#ifndef __x86_64__
#error "wake.c has the system calls of x86-64 only"
#endif

/* Numbers of Linux on x86-64: asm/unistd_64.h, fcntl.h, time.h, linux/random.h. */
enum { SYS_READ = 0, SYS_WRITE = 1, SYS_OPEN = 2, SYS_LSEEK = 8, SYS_IOCTL = 16 };
enum { SYS_NANOSLEEP = 35, SYS_EXIT = 60, SYS_FTRUNCATE = 77, SYS_SETHOSTNAME = 170, SYS_CLOCK_SETTIME = 227 };
enum { READ_ONLY = 0, READ_WRITE = 2, FROM_START = 0, REALTIME = 0, INTERRUPTED = -4, INVALID = -22 };
enum { ADD_ENTROPY = 0x40085203, RESEED = 0x5207 };

enum { PORT = 0, SERVER = 1, CONSOLE = 2 };
enum { HOST_NAME_LIMIT = 63, HOSTS_LIMIT = 4096 };

struct message {
	long clock[2];          /* a timespec: seconds and nanoseconds */
	int entropy_bits;       /* from here on a rand_pool_info */
	int entropy_bytes;
	char entropy[64];
	int pass_on;
	char name[80];
	char token[44];
};

typedef char message_has_216_bytes[sizeof(struct message) == 216 ? 1 : -1];

static long call(long number, long a, long b, long c)
{
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

static long length_of(const char *text, long limit)
{
	long length = 0;
	while (length < limit && text[length] != 0)
		length++;
	return length;
}

static char *append(char *end, const char *text, long length)
{
	for (long i = 0; i < length; i++)
		*end++ = text[i];
	return end;
}

/* Whether a system call succeeded; says on the console which one did not, and Linux's number for why. */
static int done(long result, const char *what)
{
	if (result >= 0)
		return 1;
	char line[128], digits[8], *end = line, *digit = digits + sizeof digits;
	for (long left = -result; digit == digits + sizeof digits || left > 0; left /= 10)
		*--digit = '0' + left % 10;
	end = append(end, "wake: Cannot ", 13);
	end = append(end, what, length_of(what, 64));
	end = append(end, ": error ", 8);
	end = append(end, digit, digits + sizeof digits - digit);
	end = append(end, "\n", 1);
	call(SYS_WRITE, CONSOLE, (long)line, end - line);
	return 0;
}

static int read_message(struct message *message)
{
	static const long pause[2] = { 0, 5000000 };
	char *at = (char *)message, *end = at + sizeof *message;
	while (at < end) {
		long count = call(SYS_READ, PORT, (long)at, end - at);
		/* A virtio port that its host has not connected says so at once: wait 5 ms. */
		if (count == 0)
			call(SYS_NANOSLEEP, (long)pause, 0, 0);
		if (count != INTERRUPTED && !done(count, "read the wake channel"))
			return 0;
		if (count > 0)
			at += count;
	}
	return 1;
}

/* Entropy alone changes nothing on a running kernel: its generator takes it up when it is reseeded. */
static int feed(long random, const struct message *message)
{
	long error = message->entropy_bytes == sizeof message->entropy ? 0 : INVALID;
	return done(error, "use this length of entropy") &&
	       done(call(SYS_IOCTL, random, ADD_ENTROPY, (long)&message->entropy_bits), "add entropy") &&
	       done(call(SYS_IOCTL, random, RESEED, 0), "reseed the kernel's random generator");
}

static const char host_address[] = "127.0.1.1 ";

/* Where the line with the VM's own name begins, which init made the last one. */
static long find_own_line(long hosts)
{
	static char text[HOSTS_LIMIT];
	long length = call(SYS_READ, hosts, (long)text, sizeof text);
	if (!done(length == sizeof text ? INVALID : length, "read /etc/hosts"))
		return INVALID;
	for (long at = length; at >= 0; at--) {
		long same = 0;
		while (same < 10 && at + same < length && text[at + same] == host_address[same])
			same++;
		if (same == 10 && (at == 0 || text[at - 1] == '\n'))
			return at;
	}
	return length;
}

static void take_name(const char *name, long hosts, long own_line)
{
	long length = length_of(name, HOST_NAME_LIMIT);
	char line[sizeof host_address + HOST_NAME_LIMIT], *end = line;
	end = append(end, host_address, 10);
	end = append(end, name, length);
	end = append(end, "\n", 1);
	done(call(SYS_SETHOSTNAME, (long)name, length, 0), "set the host name");
	if (done(call(SYS_LSEEK, hosts, own_line, FROM_START), "find its line in /etc/hosts") &&
	    done(call(SYS_WRITE, hosts, (long)line, end - line), "write /etc/hosts"))
		done(call(SYS_FTRUNCATE, hosts, own_line + (end - line), 0), "cut /etc/hosts");
}

void _start(void)
{
	struct message message;
	long random = call(SYS_OPEN, (long)"/dev/urandom", READ_ONLY, 0);
	long hosts = call(SYS_OPEN, (long)"/etc/hosts", READ_WRITE, 0);
	done(random, "open /dev/urandom");
	done(hosts, "open /etc/hosts");
	long own_line = find_own_line(hosts);

	while (read_message(&message)) {
		/* A clone whose message ends here never confirms, and is destroyed. */
		if (message.entropy_bits != 0 && !feed(random, &message))
			continue;
		/* Soon, since the message ages; after the entropy, which OpenSSL asks for when it sees the clock. */
		if (!done(call(SYS_CLOCK_SETTIME, REALTIME, (long)message.clock, 0), "set the clock"))
			continue;
		if (message.name[0] != 0)
			take_name(message.name, hosts, own_line);
		/* Not in parts: a FIFO takes up to 4096 bytes whole. */
		if (message.pass_on != 0)
			done(call(SYS_WRITE, SERVER, (long)&message, sizeof message), "pass the message on");
	}
	call(SYS_EXIT, 1, 0, 0);
}

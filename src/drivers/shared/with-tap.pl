# Usage: perl with-tap.pl TAP PROGRAM [ARGUMENT ...]
#
# Opens the tap device TAP of this network namespace and becomes PROGRAM, which inherits it: each
# TAP_FD in its arguments becomes the number of the descriptor. Attaching to a tap takes an ioctl,
# which Node.js does not have, and /dev/net/tun, which a VMM's own user may be unable to open.
use strict;
use warnings;
use Fcntl;

# linux/if_tun.h
use constant TUNSETIFF => 0x400454ca;
use constant { IFF_TAP => 0x0002, IFF_NO_PI => 0x1000, IFF_VNET_HDR => 0x4000 };

my ($tap, @command) = @ARGV;

# What is opened below this number survives exec.
$^F = 1024;
sysopen(my $device, "/dev/net/tun", O_RDWR) or die "Cannot open /dev/net/tun: $!\n";
my $request = pack("a16 S x22", $tap, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
ioctl($device, TUNSETIFF, $request) or die "Cannot attach to the tap $tap: $!\n";

my $descriptor = fileno($device);
s/\bTAP_FD\b/$descriptor/g for @command;
exec { $command[0] } @command or die "Cannot run $command[0]: $!\n";

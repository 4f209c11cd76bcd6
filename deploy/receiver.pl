#!/usr/bin/perl
# receiver.pl FILE: a webhook receiver for the demo. Listens on a free port of this machine, writes the port into FILE.port, and appends one line
# for each message to FILE: "STATUS SEVERITY SUMMARY". Needs only what every Debian has (perl-base).
use strict; use warnings; use IO::Socket::INET;
my $file = shift or die "usage: receiver.pl FILE\n";
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 16, ReuseAddr => 1) or die "can't listen: $!\n";
open(my $log, '>>', $file) or die "$file: $!\n"; $log->autoflush(1);
open(my $port, '>', "$file.port.new") or die "$file.port: $!\n"; print $port $server->sockport; close $port; rename "$file.port.new", "$file.port";
while (my $client = $server->accept) {
    my ($length, $body) = (0, '');
    while (my $line = <$client>) {
        $length = $1 if $line =~ /^content-length:\s*(\d+)/i;
        last if $line =~ /^\r?\n$/;
    }
    read($client, $body, $length) if $length;
    print $client "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    close $client;
    my %field;
    for my $name (qw(status severity summary)) { $field{$name} = $body =~ /"$name":"((?:[^"\\]|\\.)*)"/ ? $1 : '?'; }
    $field{summary} =~ s/\\"/"/g;
    print $log "$field{status} $field{severity} $field{summary}\n";
}

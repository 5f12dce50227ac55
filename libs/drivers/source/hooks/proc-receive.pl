# Git's proc-receive hook (githooks(5)): asks the platform, over a unix socket, which of the pushed refs may be updated, and shows the
# pusher what the platform says meanwhile. Started by `git receive-pack` after the objects are in the repository and before a ref moves.
#
# Perl, with core modules only, on purpose: it starts on the hot path of every deploy, and Node takes 40 ms longer for that. Debian's git needs
# Perl anyhow, and perl-base is part of every Debian system.
# To the platform: the token, `<old> <new> <ref>` for each command, an empty line. From it, a line each: `say <text>`, at the end
# `ok <ref>` or `ng <ref> <reason>` for each ref it has decided about, and `end`.
use strict;
use warnings;
use IO::Socket::UNIX;

# The pusher may leave; then the lines have no reader, and the platform must still be heard to the end.
$SIG{PIPE} = 'IGNORE';
binmode $_ for *STDIN, *STDOUT, *STDERR;

# Reads exactly so many bytes of what git writes; git never sends less.
sub take {
    my ($length) = @_;
    my $bytes = '';
    while (length $bytes < $length) {
        my $count = sysread STDIN, $bytes, $length - length $bytes, length $bytes;
        die "git closed the connection\n" unless $count;
    }
    return $bytes;
}

# Packets up to the next flush: four hex digits of length, themselves included, then the text and a line feed.
sub section {
    my @lines;
    while ((my $length = hex take(4)) >= 4) {
        push @lines, take($length - 4) =~ s/\n\z//r;
    }
    return @lines;
}

sub packets {
    my $text = join('', map { sprintf "%04x%s\n", 5 + length $_, $_ } @_) . '0000';
    while (length $text) {
        my $count = syswrite STDOUT, $text;
        die "git closed the connection\n" unless defined $count;
        substr($text, 0, $count) = '';
    }
}

# Why each ref is refused, by ref; empty for one that may be updated. A platform that goes away has decided nothing.
sub ask {
    my (@commands) = @_;
    my (%reasons, $over);
    my $socket = IO::Socket::UNIX->new(Peer => $ENV{CONTAINR_HOOK_SOCKET} // '');
    print {$socket} map { "$_\n" } $ENV{CONTAINR_HOOK_TOKEN} // '', @commands, '' if $socket;
    $socket->flush if $socket;
    while ($socket && defined(my $line = <$socket>)) {
        chomp $line;
        my ($word, $rest) = split / /, $line, 2;
        if ($word eq 'say') { syswrite STDERR, "$rest\n" }
        if ($word eq 'ok') { $reasons{$rest} = '' }
        if ($word eq 'ng') { my ($ref, $reason) = split / /, $rest, 2; $reasons{$ref} = $reason || 'refused' }
        $over = 1 if $word eq 'end';
    }
    my $unsaid = $over ? 'refused' : 'the platform is not available, push again';
    return map { my (undef, undef, $ref) = split / /, $_, 3; [$ref, $reasons{$ref} // $unsaid] } @commands;
}

section();
packets('version=1');
# `fall-through`: git itself updates an accepted ref, with all its own checks.
packets(map { my ($ref, $reason) = @$_; $reason eq '' ? ("ok $ref", 'option fall-through') : "ng $ref $reason" } ask(section()));

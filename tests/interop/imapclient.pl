# imapclient.pl PORT plain|starttls|implicit USER PASSWORD CERTIFICATE FILE [compress]: Mail::IMAPClient reads, searches, flags, moves and appends.
use strict;
use warnings;
use Mail::IMAPClient;
my ($port, $mode, $user, $password, $certificate, $file) = @ARGV;
my @tls = (SSL_ca_file => $certificate, SSL_verify_mode => 1, SSL_verifycn_name => 'localhost', SSL_hostname => 'localhost');
my $imap = Mail::IMAPClient->new(
    Server => 'localhost', Port => $port, User => $user, Password => $password, Uid => 1, Timeout => 20,
    ($mode eq 'implicit' ? (Ssl => \@tls) : $mode eq 'starttls' ? (Starttls => \@tls) : ()),
) or die "login: $@\n";
sub must { my ($what, $good) = @_; die "$what: " . ($imap->LastError // '') . "\n" unless $good; return $good }

must('compress', $imap->compress) if $ARGV[6];
must('capability', $imap->has_capability('UIDPLUS'));
must('select', $imap->select('INBOX'));
my @all = $imap->messages;
must('two messages', @all == 2);
open my $out, '>:raw', 'message1' or die $!;
print $out must('fetch', $imap->message_string($all[0]));
close $out;
my $found = must('search', scalar $imap->search('SUBJECT', \'two'));
must('search finds the second', "@$found" eq "$all[1]");
must('flag', $imap->set_flag('Flagged', $all[0]));
must('unsee', $imap->unset_flag('Seen', $all[0]));
must('create', $imap->create('From Perl'));
must('exists', $imap->exists('From Perl'));
must('move', $imap->move('From Perl', $all[1]));
must('expunge', $imap->expunge);
# Its append_file sends the file as it is, also under compression.
open my $in, '<:raw', $file or die $!;
must('append', $ARGV[6] ? $imap->append_string('INBOX', do { local $/; <$in> }) : $imap->append_file('INBOX', $file));
must('count', $imap->message_count('INBOX') == 2);
must('structure', ref must('bodystructure', $imap->get_bodystructure($all[0])));
must('idle', my $tag = $imap->idle);
must('done', $imap->done($tag));
must('logout', $imap->logout);

# imapclient.pl PORT USER PASSWORD SEED BOX...: Mail::IMAPClient changes random messages until its input ends.
use strict;
use warnings;
use IO::Select;
use Mail::IMAPClient;
my ($port, $user, $password, $seed, @boxes) = @ARGV;
srand($seed);
$| = 1;
my $imap = Mail::IMAPClient->new(Server => 'localhost', Port => $port, User => $user, Password => $password, Uid => 1, Timeout => 60)
    or die "login: $@\n";
my $input = IO::Select->new(\*STDIN);
my $number = 0;
my @flags = qw(Seen Answered Flagged Draft);
until ($input->can_read(0.05)) {
    my $box = $boxes[rand @boxes];
    $imap->select($box) or die 'select: ' . $imap->LastError . "\n";
    my @uids = $imap->messages;
    my $what = rand;
    if (!@uids || $what < 0.3 && @uids < 60) {
        my $name = '<perl.' . ++$number . '@sync.test>';
        my $text = "Message-ID: $name\r\nFrom: perl\@sync.test\r\nSubject: perl.$number\@sync.test\r\n\r\n" . ("a line of text\r\n" x (1 + rand 20));
        print "added $name\n";
        $imap->append_string($box, $text, $what < 0.15 ? '\\Seen' : '') or die 'append: ' . $imap->LastError . "\n";
    } elsif (@uids) {
        my $uid = $uids[rand @uids];
        my $flag = $flags[rand @flags];
        if ($what < 0.5) { $imap->set_flag($flag, $uid) }
        elsif ($what < 0.7) { $imap->unset_flag($flag, $uid) }
        elsif ($what < 0.8) {
            my $name = $imap->get_header($uid, 'Message-ID');
            if (defined $name) {
                print "deleted $name\n";
                $imap->delete_message($uid);
                $imap->uidexpunge($uid);
            }
        } elsif ($what < 0.9) { $imap->move($boxes[rand @boxes], $uid) if $imap->message_string($uid) }
        else { $imap->copy($boxes[rand @boxes], $uid) if @uids < 60 }
    }
    die "the connection is gone: $@\n" unless $imap->IsConnected;
    print "round\n";
}
$imap->logout;

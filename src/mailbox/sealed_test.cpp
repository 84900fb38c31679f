// Mail that lies sealed in the store (docs/decisions/0011): it reads as it came, and only with its keys.
#include <cstdlib>
#include <filesystem>

#include "mailbox/keys.h"
#include "mailbox/record.h"
#include "mailbox/record_opener.h"
#include "mailbox/stored_mail.h"
#include "mailbox/test_world.h"
#include "store/keys.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

namespace {

struct Folder {
  Folder() {
    std::string made = "/tmp/angarium-sealed-XXXXXX";
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    path = made;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

/// Two accounts whose mail is sealed from the beginning.
struct Sealed : Ready {
  Sealed() { seal_from_now(Sealing::on); }
  void seal_from_now(Sealing how) {
    mail.reset();
    seal(folder.path + "/keys", how);
    mail = account(kAlice);
  }
  void lose_key() { std::filesystem::rename(folder.path + "/keys/server.keys", folder.path + "/away"); }
  void bring_key_back() { std::filesystem::rename(folder.path + "/away", folder.path + "/keys/server.keys"); }
  /// Delivered as a session does it.
  Result<Delivered> bring(const std::string& octets, std::vector<AccountId> to = {kAlice}) {
    auto content = content_of(octets);
    if (!content) return std::unexpected(content.error());
    Delivery delivery;
    delivery.content = *content;
    for (const AccountId one : to)
      delivery.recipients.push_back({.account = one, .prepended = "Return-Path: <secret@sender.example>\r\n"});
    auto results = run(store->deliver(std::move(delivery)));
    if (!results) return std::unexpected(results.error());
    return results->front();
  }
  Result<ContentPtr> content_of(const std::string& octets) {
    auto intake = store->intake(Arrival::ordinary);
    for (std::size_t at = 0; at < octets.size(); at += 10'007) {
      if (auto taken = intake->append(std::string_view(octets).substr(at, 10'007)); !taken)
        return std::unexpected(taken.error());
      if (intake->full()) must(intake->drain());
    }
    return run(intake->finish());
  }
  std::string record(AccountId account, EmailId email) { return tablet->get(email_key(account, email))->value(); }
  /// Keys of an account in the store.
  std::size_t keys_of(AccountId account) {
    std::size_t count = 0;
    const std::string prefix = store::KeyWriter().u8(keyring::kKeyOctet).u64(account).key();
    REQUIRE(tablet->scan(prefix, store::after_prefix(prefix), {}, [&](std::string_view, std::string_view) {
      ++count;
      return store::Step::next;
    }));
    return count;
  }
  bool on_disk(std::string_view octets) {
    mail.reset();
    close();
    const auto disk = image();
    bool found = false;
    for (const auto& [name, content] : disk->files) found |= content->octets.find(octets) != std::string::npos;
    restart(disk);
    mail = account(kAlice);
    return found;
  }

  Folder folder;
};

const std::string kReturnPath = "Return-Path: <secret@sender.example>\r\n";

}  // namespace

TEST_CASE("sealed mail reads as it came, also after a restart, and nothing of it is on the disk") {
  Sealed world;
  const std::string octets = "Subject: a word for nobody\r\nMessage-ID: <1@hidden.example>\r\n\r\nvery private\r\n";
  const EmailId email = world.bring(octets)->email;
  for (int i = 0; i < 2; ++i) {
    CHECK(world.octets(*world.mail, email) == kReturnPath + octets);
    const EmailPtr found = world.must(world.mail->email(email));
    CHECK((*found)->ascii.envelope.contains("a word for nobody"));
    CHECK((*found)->body_length() == octets.size());
    CHECK(world.must(world.mail->read_stored(found, 0, 1000)) == octets);
    CHECK(world.must(world.mail->read_stored(found, 9, 6)) == octets.substr(9, 6));
    std::size_t seen = 0;
    world.must(world.mail->emails(std::vector<EmailId>{email}, [&](std::size_t, const EmailView& view) {
      CHECK(view.preview->contains("very private"));
      ++seen;
      return store::Step::next;
    }));
    CHECK(seen == 1);
    world.mail.reset();
    world.reopen();
    world.mail = world.account(kAlice);
  }
  CHECK(world.record(kAlice, email)[0] == 2);
  for (const std::string_view secret : {"a word for nobody", "very private", "secret@sender", "hidden.example"})
    CHECK(!world.on_disk(secret));
}

TEST_CASE("switched off nothing is other than before, and what was sealed still reads") {
  Sealed world;
  const EmailId sealed = world.bring(text(1))->email;
  world.seal_from_now(Sealing::off);
  const EmailId plain = world.bring(text(2))->email;
  CHECK(world.record(kAlice, plain)[0] == 1);
  CHECK(world.octets(*world.mail, sealed) == kReturnPath + text(1));
  CHECK(world.octets(*world.mail, plain) == kReturnPath + text(2));
  CHECK(world.on_disk("body 2"));
  Ready never;
  never.deliver(kAlice, text(1));
  Folder folder;
  never.mail.reset();
  never.seal(folder.path + "/keys", Sealing::off);
  never.deliver(kAlice, text(2));
  CHECK(std::filesystem::is_empty(folder.path));
}

TEST_CASE("without the server's key mail is neither read nor taken, for now; it is there when the key is back") {
  Sealed world;
  const EmailId email = world.bring(text(1))->email;
  world.lose_key();
  world.mail.reset();
  world.reopen();
  world.mail = world.account(kAlice);
  // Who needs no key is not held up.
  CHECK(world.view(world.inbox)->size() == 1);
  const auto read = world.run(world.mail->email(email));
  CHECK(read.error().is(keyring::kNoServerKey));
  CHECK(read.error().temporary());
  CHECK(world
            .run(world.mail->emails(std::vector<EmailId>{email},
                                    [](std::size_t, const EmailView&) { return store::Step::next; }))
            .error()
            .temporary());
  const auto taken = world.bring(text(2));
  CHECK(taken.error().is(keyring::kNoServerKey));
  CHECK(taken.error().temporary());
  CHECK(world.view(world.inbox)->size() == 1);
  // It is not passed over as damaged: an index waits for it.
  CHECK(stored_emails(*world.tablet, world.keys.get(), kAlice, 0, 10).error().temporary());
  CHECK(stored_emails(*world.tablet, nullptr, kAlice, 0, 10).error().temporary());
  CHECK(verify_mail(*world.tablet)->damage.empty());
  // A lost file is not replaced by one that opens nothing.
  CHECK(!std::filesystem::exists(world.folder.path + "/keys/server.keys"));
  world.bring_key_back();
  CHECK(world.octets(*world.mail, email) == kReturnPath + text(1));
  CHECK(world.bring(text(2)));
  CHECK(stored_emails(*world.tablet, world.keys.get(), kAlice, 0, 10)->size() == 2);
}

TEST_CASE("a message for two accounts is one stored body, and each has the key of it by its own") {
  Sealed world;
  const Delivered mine = *world.bring(text(1), {kAlice, kBob});
  const AccountMailPtr bobs = world.account(kBob);
  const ViewPtr theirs = world.must(bobs->view(bobs->listing()->find(kInbox)->id));
  const EmailPtr here = world.must(world.mail->email(mine.email));
  const EmailPtr there = world.must(bobs->email(theirs->at(1).email));
  CHECK((*here)->body == (*there)->body);
  CHECK(!(*here)->body_key.empty());
  CHECK((*here)->body_key == (*there)->body_key);
  CHECK(world.octets(*bobs, theirs->at(1).email) == world.octets(*world.mail, mine.email));
  CHECK(world.keys_of(kAlice) == 1);
  CHECK(world.keys_of(kBob) == 1);
  // Records open nowhere but where they were written.
  store::Batch batch;
  batch.put(email_key(kBob, theirs->at(1).email), world.record(kAlice, mine.email));
  batch.put(email_key(kAlice, mine.email + 1), world.record(kAlice, mine.email));
  REQUIRE(world.tablet->commit_and_wait(std::move(batch)));
  CHECK(world.run(bobs->email(theirs->at(1).email)).error().temporary());  // a key that is not Bob's
  CHECK(world.run(world.mail->email(mine.email + 1)).error().is(kDamaged));
}

TEST_CASE("every octet of a sealed record that is changed is an error, never another email") {
  Sealed world;
  const EmailId email = world.bring(text(1))->email;
  const std::string record = world.record(kAlice, email);
  const std::size_t hidden = record.size() - decode_email(email, record)->sealed.size();
  for (std::size_t i = hidden; i < record.size(); ++i) {
    std::string changed = record;
    changed[i] ^= 1;
    CHECK(!RecordOpener(world.keys.get(), kAlice, store::Tier::any).email(email, changed));
    CHECK(!RecordOpener(world.keys.get(), kAlice, store::Tier::any).email(email, record.substr(0, i)));
  }
  CHECK(RecordOpener(world.keys.get(), kAlice, store::Tier::any).email(email, record));
  CHECK(Email::make(email, record).error().temporary());
}

TEST_CASE("sealed bodies of any length: at the edge of what travels in a batch, aside, and shown otherwise") {
  Sealed world;
  for (const std::size_t size :
       {std::size_t{20}, keyring::kChunk - 1, keyring::kChunk, keyring::kChunk + 1, kSealedGroupBodyMax,
        kSealedGroupBodyMax + 1, store::kGroupBodyMax, store::kGroupBodyMax + 1, 4 * store::kGroupBodyMax + 17}) {
    CAPTURE(size);
    std::string octets = "Subject: x\r\n\r\n";
    for (std::size_t line = 0; octets.size() < size; ++line) octets += std::to_string(line) + " of many lines\r\n";
    octets.resize(size);
    const ContentPtr content = *world.content_of(octets);
    CHECK((content->octets == nullptr) == (size > kSealedGroupBodyMax));
    CHECK(content->body_length() == size);
    const EmailId email = world.bring(octets)->email;
    CHECK(world.octets(*world.mail, email).substr(kReturnPath.size()).substr(0, size - 1) ==
          octets.substr(0, size - 1));
    const EmailPtr found = world.must(world.mail->email(email));
    CHECK((*found)->body.length == keyring::sealed_size(size));
    CHECK((*found)->body_length() == size);
    CHECK(world.must(world.mail->read_stored(found, 0, SIZE_MAX / 2)) == octets);
    for (const std::size_t at : {std::size_t{0}, size / 2, size - 1})
      CHECK(world.must(world.mail->read_stored(found, at, 100)) == octets.substr(at, 100));
  }
  // Bare LF are shown as CR LF.
  std::string bare = "Subject: x\n\n";
  while (bare.size() < 3 * store::kGroupBodyMax) bare += "a line\n";
  const EmailId email = world.bring(bare)->email;
  std::string shown;
  for (const char c : bare) shown += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(world.octets(*world.mail, email) == kReturnPath + shown);
}

TEST_CASE("APPEND of many, REPLACE, COPY, expunging and removing the account: sealed mail goes along") {
  Sealed world;
  std::vector<AppendItem> items;
  for (std::size_t i = 0; i < store::kBatchBodiesMax + 3; ++i)
    items.push_back({*make_sealed_content(text(static_cast<int>(i))), {}, {}});
  const auto appended = world.must(world.mail->append(world.inbox, items));
  const auto octets_at = [&](Uid uid) { return world.octets(*world.mail, world.view(world.inbox)->find(uid)->email); };
  CHECK(octets_at(1) == text(0));
  CHECK(octets_at(store::kBatchBodiesMax + 3) == text(static_cast<int>(store::kBatchBodiesMax + 2)));
  const auto replaced =
      world.must(world.mail->replace(world.inbox, 1, world.inbox, {*make_sealed_content(text(7)), {}, {}}));
  CHECK(octets_at(replaced.uids.ranges()[0].first) == text(7));
  world.must(world.mail->copy(world.inbox, {{2, 3}}, world.id("Archive")));
  world.must(world.mail->expunge(world.inbox, UidSet::all(), ExpungeOnly::any));
  world.loop.advance(std::chrono::hours(2));
  // What is thrown away needs no key.
  world.lose_key();
  world.mail.reset();
  world.reopen();
  world.mail = world.account(kAlice);
  world.must(world.store->tidy());
  CHECK(verify_mail(*world.tablet)->damage.empty());
  CHECK(verify_mail(*world.tablet)->emails == 2);
  world.bring_key_back();
  CHECK(world.octets(*world.mail, world.view(world.id("Archive"))->at(1).email) == text(1));
  CHECK(world.keys_of(kAlice) == 1);
  world.must(world.store->remove_account(kAlice));
  CHECK(world.keys_of(kAlice) == 0);
}

TEST_CASE("COPY to another account: sealed anew by its key, also when nothing is sealed any more") {
  Sealed world;
  world.bring(text(1)).value();
  world.seal_from_now(Sealing::off);
  world.bring(text(2)).value();
  const AccountMailPtr bobs = world.account(kBob);
  const MailboxId theirs = bobs->listing()->find("Archive")->id;
  CHECK(world.keys_of(kBob) == 0);
  world.must(world.mail->copy_to(world.inbox, UidSet::all(), bobs, theirs, {}));
  const ViewPtr there = world.must(bobs->view(theirs));
  REQUIRE(there->size() == 2);
  for (const std::uint32_t i : {1U, 2U}) {
    CHECK(world.octets(*bobs, there->at(i).email) == kReturnPath + text(static_cast<int>(i)));
    CHECK(world.record(kBob, there->at(i).email)[0] == (i == 1 ? 2 : 1));
  }
  CHECK(world.keys_of(kBob) == 1);
  // What came as it is, copied where mail is sealed: the body stays, its record does not.
  world.seal_from_now(Sealing::on);
  const AccountMailPtr again = world.account(kBob);
  world.must(world.mail->copy_to(world.inbox, {{2, 2}}, again, theirs, {}));
  const ViewPtr more = world.must(again->view(theirs));
  CHECK(world.record(kBob, more->at(3).email)[0] == 2);
  CHECK(world.octets(*again, more->at(3).email) == kReturnPath + text(2));
  CHECK((*world.must(again->email(more->at(3).email)))->body_key.empty());
}

TEST_CASE("readers without UTF-8, and threads: of sealed mail the same as of other") {
  Sealed world;
  const std::string octets = "Subject: gr\xC3\xBC\xC3\x9F\x65\r\nMessage-ID: <a@b>\r\n\r\nx\r\n";
  const Delivered first = *world.bring(octets);
  const Delivered second =
      *world.bring("Subject: Re: gr\xC3\xBC\xC3\x9F\x65\r\nMessage-ID: <c@b>\r\nIn-Reply-To: <a@b>\r\n\r\ny\r\n");
  CHECK(second.thread == first.thread);
  const EmailPtr email = world.must(world.mail->email(first.email));
  CHECK((*email)->ascii_size.has_value());
  CHECK(world.view(world.inbox)->sizes_of(world.view(world.inbox)->at(1)).ascii == *(*email)->ascii_size);
}

TEST_CASE("verify misses the key of an email that has none, and needs none itself") {
  Sealed world;
  world.bring(text(1)).value();
  world.bring(text(2)).value();
  world.lose_key();
  CHECK(verify_mail(*world.tablet)->damage.empty());
  store::Batch batch;
  keyring::Keys::erase(kAlice, batch);
  REQUIRE(world.tablet->commit_and_wait(std::move(batch)));
  const auto damage = verify_mail(*world.tablet)->damage;
  REQUIRE(damage.size() == 2);
  CHECK(damage[0].ends_with("the key that it is sealed by is not there"));
}

// Aliases of the directory and of the host's files, from RCPT to where each copy goes.
#include "agent/forwarding.h"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/test_site.h"
#include "base/text.h"
#include "envelope/srs.h"
#include "store/keys.h"

namespace angarium::agent {
namespace {

/// anna is a user with a mailbox of alice's; mail for "unsure" cannot be judged.
class Users final : public HostUsers {
 public:
  explicit Users(account::Destination mailbox) : mailbox_(std::move(mailbox)) {}
  Result<std::optional<User>> find(const std::string& name) override {
    if (name == "unsure") return fail(alias::kUnreadableFile, "nobody knows now");
    if (name != "anna") return std::nullopt;
    return User{.uid = 1000, .forward = forward, .mailbox = mailbox_};
  }
  Result<std::optional<account::Destination>> root() override { return std::nullopt; }
  std::optional<alias::Forward> forward;

 private:
  account::Destination mailbox_;
};

}  // namespace

TEST_CASE(
    "an alias that points elsewhere: the copy goes on in this host's name, and what comes back finds the sender") {
  Site site;
  site.alias("far", {"bob@b.test"});
  CHECK(site.send("<x@far.test>", {"<far@a.test>"}).back().starts_with("250"));
  REQUIRE(site.world.house.messages.size() == 1);
  const std::string made = sender(site);
  CHECK(made.starts_with("<SRS0="));
  CHECK(made.ends_with("=far.test=x@a.test>"));
  CHECK(recipient(site).path.text() == "<bob@b.test>");
  const std::string& octets = site.world.house.messages[0].octets;
  CHECK(octets.starts_with("Delivered-To: far@a.test\r\nReceived: from c.test"));
  CHECK(site.world.queued() == 0);
  // A report to that address is for x@far.test: nobody here, so it goes on, as it came.
  site.world.house.domain = "far.test";
  site.world.transport("relay mx.b.test");
  site.world.house.users["x"] = "";
  CHECK(site.send("<>", {made}).back().starts_with("250"));
  REQUIRE(site.world.house.messages.size() == 2);
  CHECK(sender(site, 1) == "<>");
  CHECK(recipient(site, 1).path.text() == "<x@far.test>");
  // In other letters, too; but not one octet else.
  std::string changed = made;
  std::ranges::transform(changed, changed.begin(), [](char c) { return to_lower(c); });
  CHECK(site.send("<>", {changed}).front().starts_with("250 2.1.5"));
  changed[7] = changed[7] == 'q' ? 'x' : 'q';
  CHECK(site.send("<>", {changed}).front().starts_with("550 5.1.1"));
  CHECK(site.send("<>", {"<SRS0=abcdef=AA=far.test=x@a.test>"}).front().starts_with("550 5.1.1"));
  // It is a sender: nobody writes to it but those who report.
  CHECK(site.send("<spam@c.test>", {made}).front().starts_with("550 5.7.1"));
}

TEST_CASE("who is of this host sends on in its own name, and so does everybody where that is wished") {
  Site site;
  site.alias("far", {"bob@b.test"});
  site.send("<alice@a.test>", {"<far@a.test>"});
  site.send("<>", {"<far@a.test>"});
  REQUIRE(site.world.house.messages.size() == 2);
  CHECK(sender(site, 0) == "<alice@a.test>");
  CHECK(sender(site, 1) == "<>");
  auto terms = std::make_shared<CourierTerms>(*site.world.terms);
  auto local = std::make_shared<LocalTerms>(*terms->local);
  local->srs = false;
  terms->local = local;
  site.world.terms = terms;
  site.send("<x@far.test>", {"<far@a.test>"});
  CHECK(sender(site, 2) == "<x@far.test>");
}

TEST_CASE("keys outlive the server and change every month; the addresses of the old one stay good") {
  Outbound world;
  ManualClock clock;
  SrsKeys keys(world.services->tablet(), clock);
  CHECK(keys.known()->empty());
  const auto first = *keys.signing();
  REQUIRE(first.size() == 1);
  CHECK(first[0].size() == 32);
  CHECK(*keys.signing() == first);
  clock.advance(kSrsKeyLife);
  CHECK(*keys.known() == first);
  const auto second = *keys.signing();
  REQUIRE(second.size() == 2);
  CHECK(second[1] == first[0]);
  CHECK(second[0] != first[0]);
  SrsKeys again(world.services->tablet(), clock);
  CHECK(*again.known() == second);
  clock.advance(kSrsKeyLife);
  CHECK(again.signing()->size() == 2);
}

TEST_CASE("one address for a mailbox, another host and others: each copy once, by one acceptance") {
  Site site;
  site.world.house.users["carl"] = "";
  site.alias("team", {"alice@a.test", "bob@b.test", "carl@b.test"});
  site.alias("all", {"team@a.test", "bob@b.test"});
  CHECK(site.send("<x@far.test>", {"<all@a.test>", "<alice@a.test>"}).back().starts_with("250"));
  CHECK(site.world.inbox("alice").size() == 1);
  REQUIRE(site.world.house.messages.size() == 1);
  CHECK(site.world.house.messages[0].envelope.recipients.size() == 2);
  CHECK(site.world.queued() == 0);
}

TEST_CASE("LMTP takes an alias that leads elsewhere as SMTP does") {
  Site site(smtp::Role::lmtp);
  site.alias("team", {"alice@a.test", "bob@b.test"});
  CHECK(site.send("<x@far.test>", {"<team@a.test>"}).back().starts_with("250"));
  CHECK(site.world.inbox("alice").size() == 1);
  CHECK(site.world.house.messages.size() == 1);
}

TEST_CASE("a message that an address has sent on before runs in a circle") {
  Site site;
  site.alias("far", {"bob@b.test"});
  CHECK(site.send("<x@far.test>", {"<far@a.test>"}, "Delivered-To: FAR@a.test\r\n").back().starts_with("554 5.4.6"));
  CHECK(site.send("<x@far.test>", {"<far@a.test>"}, "Delivered-To: other@a.test\r\n").back().starts_with("250"));
  CHECK(site.send("<x@far.test>", {"<alice@a.test>"}, "Delivered-To: alice@a.test\r\n").back().starts_with("250"));
  CHECK(site.world.house.messages.size() == 1);
}

TEST_CASE("RFC 3461 5.2.7.2: one forwarding address has all that was asked for, and no report is made of the alias") {
  Site site;
  site.alias("far", {"bob@b.test"});
  site.send("<alice@a.test> RET=HDRS ENVID=e1", {"<far@a.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Far@A.test"});
  const auto& got = site.world.house.messages.at(0).envelope;
  CHECK(got.sender.parameters.envelope_id == "e1");
  CHECK(got.sender.parameters.ret == envelope::Return::headers);
  REQUIRE(got.recipients[0].parameters.notify);
  CHECK(got.recipients[0].parameters.notify->success);
  CHECK(got.recipients[0].parameters.original->address == "Far@A.test");
  CHECK(site.world.inbox("alice").empty());
}

TEST_CASE("RFC 3461 5.2.7.3: of several nobody has SUCCESS, and the sender hears that the alias was expanded") {
  Site site;
  site.alias("team", {"postmaster@a.test", "bob@b.test"});
  site.send("<alice@a.test>", {"<team@a.test> NOTIFY=SUCCESS ORCPT=rfc822;team@a.test"});
  const auto& got = recipient(site).parameters;
  REQUIRE(got.notify);
  CHECK(got.notify->never);
  CHECK(got.original->address == "team@a.test");
  REQUIRE(site.world.inbox("alice").size() == 1);
  CHECK(holds(site.world.inbox("alice")[0], "Action: expanded"));
  CHECK(holds(site.world.inbox("alice")[0], "Final-Recipient: rfc822;team@a.test"));
  site.send("<alice@a.test>", {"<team@a.test> NOTIFY=SUCCESS,FAILURE"});
  REQUIRE(recipient(site, 1).parameters.notify);
  CHECK(recipient(site, 1).parameters.notify->failure);
  CHECK(!recipient(site, 1).parameters.notify->success);
  site.send("<alice@a.test>", {"<team@a.test>"});
  CHECK(!recipient(site, 2).parameters.notify);
  CHECK(site.world.inbox("alice").size() == 2);
}

TEST_CASE("RFC 3461 5.2.7.1: a list with an owner is delivered; its members' mail is the owner's matter") {
  Site site;
  site.file("list: bob@b.test, postmaster\nowner-list: alice\n");
  site.send("<alice@a.test> ENVID=e1 RET=HDRS", {"<list@a.test> NOTIFY=SUCCESS"});
  const auto& got = site.world.house.messages.at(0).envelope;
  CHECK(got.sender.path.text() == "<owner-list@a.test>");
  CHECK(!got.sender.parameters.envelope_id);
  CHECK(!got.sender.parameters.ret);
  CHECK(!got.recipients[0].parameters.notify);
  REQUIRE(site.world.inbox("postmaster").size() == 1);
  CHECK(site.world.inbox("postmaster")[0].starts_with("Return-Path: <owner-list@a.test>\r\n"));
  REQUIRE(site.world.inbox("alice").size() == 1);
  CHECK(holds(site.world.inbox("alice")[0], "Action: delivered"));
  // RFC 5321 4.5.5: what must not be answered stays so.
  site.send("<>", {"<list@a.test>"});
  CHECK(sender(site, 1) == "<>");
}

TEST_CASE(
    "names of the host: the directory first, then the aliases, then users, and some names always reach somebody") {
  Site site;
  site.file("root: bob@b.test\nalice: bob@b.test\nops: root\nnull: /dev/null\nmailer-daemon: nobody-here\n");
  // Whoever has an account has its mail, whatever the aliases say.
  for (const char* const name : {"<alice@a.test>", "<alice@mx.a.test>", "<Alice+x@LOCALHOST>", "<alice@[192.0.2.1]>"})
    CHECK(site.send("<x@far.test>", {name}).front().starts_with("250 2.1.5"));
  CHECK(site.world.inbox("alice").size() == 4);
  CHECK(site.world.house.messages.empty());
  for (const char* const name : {"<root@mx.a.test>", "<ops@localhost>", "<Root@a.test>"})
    CHECK(site.send("<x@far.test>", {name}).front().starts_with("250 2.1.5"));
  CHECK(site.world.house.messages.size() == 3);
  CHECK(site.send("<x@far.test>", {"<null@a.test>"}).back().starts_with("250"));
  CHECK(site.send("<x@far.test>", {"<abuse@localhost>"}).front().starts_with("250"));
  CHECK(site.world.inbox("postmaster").size() == 1);
  // An alias that leads to nobody does not take its reader away.
  CHECK(site.send("<x@far.test>", {"<mailer-daemon@a.test>"}).front().starts_with("250"));
  CHECK(site.world.inbox("postmaster").size() == 2);
  for (const char* const name : {"<nobody@a.test>", "<nobody@mx.a.test>", "<nobody@localhost>"})
    CHECK(site.send("<x@far.test>", {name}).front().starts_with("550 5.1.1"));
  CHECK(site.send("<x@far.test>", {"<root@elsewhere.test>"}).front().starts_with("550 5.7.1"));
  site.file("");
  CHECK(site.send("<x@far.test>", {"<root@mx.a.test>"}).front().starts_with("250"));
  CHECK(site.world.inbox("postmaster").size() == 3);
}

TEST_CASE("users of the host have mail behind the aliases, and their .forward is followed") {
  Site site;
  const auto alice = site.world.services->directory().account("alice@a.test").value().value();
  const auto users = std::make_shared<Users>(account::Destination{.id = alice.id, .address = "anna@mx.a.test"});
  site.users(users);
  site.file("sales: anna, unsure\n");
  CHECK(site.send("<x@far.test>", {"<anna+x@mx.a.test>"}).back().starts_with("250"));
  CHECK(site.world.inbox("alice").size() == 1);
  CHECK(site.send("<x@far.test>", {"<unsure@mx.a.test>"}).front().starts_with("451 4.3.0"));
  users->forward = alias::Forward{.list = alias::parse_list("\\anna, bob@b.test, \"|vacation\"")};
  CHECK(site.send("<x@far.test>", {"<anna@mx.a.test>"}).back().starts_with("250"));
  CHECK(site.world.inbox("alice").size() == 2);
  CHECK(site.world.house.messages.size() == 1);
  // A user's command is nothing for the server's rights: it waits for somebody who has the user's.
  CHECK(site.world.queued() == 1);
  const auto waiting = site.world.run(site.world.services->queue().list(queue::DeliveryId(0), 10));
  CHECK((*waiting)[0].parts[0].consignment.destination == "target user=anna pipe:vacation");
  CHECK((*waiting)[0].parts[0].consignment.addressees[0].trouble->status == "4.3.5");
  // Of an alias only the copy of who cannot be asked for now waits.
  CHECK(site.send("<x@far.test>", {"<sales@mx.a.test>"}).back().starts_with("250"));
  CHECK(site.world.inbox("alice").size() == 3);
}

TEST_CASE("files and commands of the aliases get the message, each by itself, in the sender's name") {
  Site site;
  std::string folder = (std::filesystem::temp_directory_path() / "angarium-alias-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  site.file("box: " + folder + "/box\ndir: " + folder + "/dir/\n");
  CHECK(site.send("<x@far.test>", {"<box@a.test>", "<dir@a.test>"}).back().starts_with("250"));
  site.world.loop.advance(10s);
  CHECK(site.world.queued() == 0);
  std::ifstream file(folder + "/box", std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  CHECK(text.starts_with("From x@far.test "));
  CHECK(holds(text, "\nDelivered-To: box@a.test\n"));
  CHECK(text.find("Delivered-To:") == text.rfind("Delivered-To:"));
  CHECK(std::ranges::distance(std::filesystem::directory_iterator(folder + "/dir/new")) == 1);
  std::filesystem::remove_all(folder);
}

TEST_CASE("what an operator must mend is a refusal for now; strangers are not told of files and commands") {
  Site site;
  site.file("gone: :include:/no/such/file\nbad: \"never closed\nlong: \"|" + std::string(700, 'x') +
            "\"\nsome: alice, :include:/no/such/file\nloop: loop2\nloop2: loop\n");
  for (const char* const name : {"<gone@a.test>", "<bad@a.test>", "<some@a.test>", "<long@a.test>"}) {
    const std::string reply = site.send("<x@far.test>", {name}).front();
    CHECK(reply.starts_with("451 4.3."));
    CHECK(!holds(reply, "/no/such"));
    CHECK(!holds(reply, "xxx"));
  }
  CHECK(site.send("<x@far.test>", {"<loop@a.test>"}).front().starts_with("550 5.4.6"));
  CHECK(site.world.inbox("alice").empty());
  site.files.set_unreadable(std::string(kPath));
  CHECK(site.send("<x@far.test>", {"<gone@a.test>"}).front().starts_with("451 4.3.0"));
  CHECK(site.send("<x@far.test>", {"<alice@a.test>"}).front().starts_with("250"));
}

TEST_CASE("a part of an alias that nobody may reach is told to the sender; the others have the message") {
  Site site;
  site.file("part: postmaster, \"|secret\"\nonly: \"|secret\"\n", {.mode = 0666});
  CHECK(site.send("<alice@a.test>", {"<part@a.test>"}).back().starts_with("250"));
  CHECK(site.world.inbox("postmaster").size() == 1);
  REQUIRE(site.world.inbox("alice").size() == 1);
  CHECK(holds(site.world.inbox("alice")[0], "Status: 5.7.1"));
  CHECK(!holds(site.world.inbox("alice")[0], "secret"));
  const std::string reply = site.send("<alice@a.test>", {"<only@a.test>"}).front();
  CHECK(reply.starts_with("550 5.7.1"));
  CHECK(!holds(reply, "secret"));
}

TEST_CASE(
    "an alias that leads to nobody waits for its operator, and one that leads back to itself is refused: nobody "
    "crashes") {
  Site site;
  site.file("list: :include:/etc/list\nnobody: root\n");
  site.files.write("/etc/list", "", {});
  CHECK(site.send("<x@far.test>", {"<list@localhost>"}).front().starts_with("451 4.3.5"));
  CHECK(site.send("<x@far.test>", {"<nobody@localhost>"}).front().starts_with("250"));
  // The same of a message that waits already: a report to the list, say.
  site.wait_here("<x@far.test>", "<list@a.test>");
  site.world.loop.advance(10s);
  CHECK(site.world.queued() == 1);
}

TEST_CASE("RFC 3463 5.4.6: a loop of aliases in the directory is told as one of the aliases file is, by every name") {
  Site site;
  site.file("square: round@a.test\n");
  site.alias("round", {"circle@a.test"});
  // As it may be there from before loops were refused.
  store::Batch batch;
  batch.put(store::KeyWriter().u8(account::kDirectoryKey).u8('a').text("a.test").text("circle").key(),
            account::encode({.address = "circle@a.test",
                             .kind = account::Alias::Kind::alias,
                             .targets = {"round@a.test"},
                             .created = {}}));
  REQUIRE(site.world.run(queue::commit(site.world.services->tablet(), std::move(batch))));
  for (const char* const name : {"<round@a.test>", "<Circle+x@a.test>", "<square@localhost>"}) {
    CAPTURE(name);
    CHECK(site.send("<x@far.test>", {name}).front().starts_with("550 5.4.6 "));
  }
  site.local(nullptr);
  CHECK(site.send("<x@far.test>", {"<round@a.test>"}).front().starts_with("550 5.4.6 "));
}

TEST_CASE("members of a list of the directory whom only the host knows, or nobody any more, are not missed") {
  Site site;
  const auto alice = site.world.services->directory().account("alice@a.test").value().value();
  site.users(std::make_shared<Users>(account::Destination{.id = alice.id, .address = "anna@mx.a.test"}));
  site.alias("team", {"postmaster@a.test", "anna@a.test"});
  CHECK(site.send("<x@far.test>", {"<team@a.test>"}).back().starts_with("250"));
  CHECK(site.world.inbox("postmaster").size() == 1);
  CHECK(site.world.inbox("alice").size() == 1);
  site.alias("rest", {"postmaster@a.test", "gone@a.test"});
  CHECK(site.send("<alice@a.test>", {"<rest@a.test>"}).back().starts_with("250"));
  CHECK(site.world.inbox("postmaster").size() == 2);
  REQUIRE(site.world.inbox("alice").size() == 2);
  CHECK(holds(site.world.inbox("alice")[1], "Status: 5.1.1"));
}

TEST_CASE("mail that waits here for an address which has become an alias meanwhile is sent on from the queue") {
  Site site;
  site.alias("far", {"bob@b.test", "postmaster@a.test"});
  site.wait_here("<x@far.test>", "<far@a.test>");
  site.world.loop.advance(10s);
  CHECK(site.world.inbox("postmaster").size() == 1);
  REQUIRE(site.world.house.messages.size() == 1);
  CHECK(sender(site).starts_with("<SRS0="));
  CHECK(site.world.house.messages[0].octets.starts_with("Delivered-To: far@a.test\r\n"));
  CHECK(site.world.queued() == 0);
}

TEST_CASE("RFC 5321 3.5: VRFY and EXPN tell those who may ask what is so, and others nothing") {
  Site site;
  site.alias("far", {"bob@b.test"});
  site.alias("team", {"alice@a.test", "bob@b.test"});
  site.file("ops: alice, bob@b.test, \"|secret\"\ncmd: \"|secret\"\nlater: :include:/no/such\n");
  for (const char* const line : {"VRFY alice", "VRFY nobody", "VRFY <far@a.test>"})
    CHECK(site.ask(line).starts_with("252 2.1.5"));
  CHECK(site.ask("EXPN team@a.test").starts_with("550 5.7.1"));
  site.vrfy = configuration::Vrfy::off;
  site.relays = {*io::Prefix::parse("192.0.2.0/24")};
  CHECK(site.ask("VRFY nobody").starts_with("252"));
  CHECK(site.ask("EXPN team@a.test").starts_with("550 5.7.1"));
  for (const auto vrfy : {configuration::Vrfy::users, configuration::Vrfy::all}) {
    site.vrfy = vrfy;
    if (vrfy == configuration::Vrfy::all) site.relays.clear();
    CHECK(site.ask("VRFY alice") == "250 2.1.5 <alice@a.test>");
    CHECK(site.ask("VRFY <Alice+x@a.test>") == "250 2.1.5 <alice@a.test>");
    CHECK(site.ask("VRFY far@a.test") == "251 2.1.5 User not local; will forward to <bob@b.test>");
    CHECK(site.ask("VRFY team@a.test") == "250 2.1.5 <team@a.test>");
    CHECK(site.ask("VRFY ops") == "250 2.1.5 <ops@mx.a.test>");
    CHECK(site.ask("VRFY cmd") == "250 2.1.5 <cmd@mx.a.test>");
    CHECK(site.ask("VRFY nobody").starts_with("550 5.1.1"));
    CHECK(site.ask("VRFY later").starts_with("252"));
    CHECK(site.ask("VRFY x y").starts_with("501 5.1.3"));
    CHECK(site.ask("EXPN team@a.test") == "250-2.1.5 <alice@a.test>|250 2.1.5 <bob@b.test>");
    CHECK(site.ask("EXPN ops") == "250-2.1.5 <alice@a.test>|250 2.1.5 <bob@b.test>");
    CHECK(site.ask("EXPN cmd").starts_with("550 5.1.1"));
    CHECK(site.ask("EXPN nobody").starts_with("550 5.1.1"));
    CHECK(site.ask("EXPN later").starts_with("451"));
  }
  CHECK(site.ask("VRFY x@elsewhere.test").starts_with("550 5.7.1"));
  site.relays = {*io::Prefix::parse("192.0.2.0/24")};
  CHECK(site.ask("VRFY x@elsewhere.test").starts_with("252"));
}

}  // namespace angarium::agent

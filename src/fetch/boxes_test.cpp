#include "fetch/boxes.h"

#include "fetch/record.h"
#include "store/volume_memory.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::fetch;

namespace {

Box full_box() {
  Box box{.id = 7, .account = 3, .address = "a@x.test", .name = "box"};
  box.protocol = Protocol::imap;
  box.host = "mail.x.test";
  box.port = 1143;
  box.tls = Tls::starttls;
  box.certificate = Certificate::any;
  box.user = "fred";
  box.password = "secret";
  box.folders = {"INBOX", "B\xC3\xBC"};
  box.into = "Old";
  box.every = std::chrono::minutes(5);
  box.watching = Watching::idles;
  box.remove_after = 0;
  box.pause = Pause::by_user;
  return box;
}

/// A store that outlives its boxes.
struct Place {
  std::shared_ptr<store::MemoryDisk> disk = std::make_shared<store::MemoryDisk>();
  std::unique_ptr<store::Tablet> tablet;
  std::unique_ptr<Boxes> boxes;
  Result<Seal> seal = Seal::of("the key");
  Place() { open(); }
  void open() {
    boxes.reset();
    tablet.reset();
    store::TabletOptions options;
    options.state = store::StateKind::sorted;
    options.reserve = 0;
    tablet = *store::Tablet::open(*store::open_memory_volume(disk), std::move(options));
    boxes = std::make_unique<Boxes>(*tablet, seal);
    REQUIRE(boxes->load());
  }
};

}  // namespace

TEST_CASE("records come back as they were, and what is cut short is refused") {
  const std::string box = *encode(full_box(), nullptr);
  CHECK(*encode(*decode_box(box, nullptr), nullptr) == box);
  const std::string progress = encode(Progress{.last_run = {1},
                                               .last_success = {2},
                                               .next = {3},
                                               .messages = 4,
                                               .passed_over = 5,
                                               .failures = 6,
                                               .error = "no"});
  CHECK(encode(*decode_progress(progress)) == progress);
  const std::string mark = encode(Mark{.at = {9}, .passed_over = true});
  CHECK(encode(*decode_mark(mark)) == mark);
  const std::string folder =
      encode(FolderState{.uid_validity = UINT32_MAX,
                         .last = 2,
                         .passed_over = {1, 2},
                         .owed = {{.uid = 3, .refusals = 4, .next = {5}}, {.uid = 6, .refusals = 1, .next = {7}}}});
  CHECK(encode(*decode_folder(folder)) == folder);
  CHECK(decode_folder(folder)->owed.at(1).next.microseconds == 7);
  const std::string pin = encode(Pin{.known = "aa", .refused = "bb"});
  CHECK(encode(*decode_pin(pin)) == pin);
  for (std::size_t i = 0; i < box.size(); ++i) CHECK_FALSE(decode_box(std::string_view(box).substr(0, i), nullptr));
  for (std::size_t i = 0; i < progress.size(); ++i)
    CHECK_FALSE(decode_progress(std::string_view(progress).substr(0, i)));
  for (std::size_t i = 0; i < mark.size(); ++i) CHECK_FALSE(decode_mark(std::string_view(mark).substr(0, i)));
  for (std::size_t i = 0; i < folder.size(); ++i) CHECK_FALSE(decode_folder(std::string_view(folder).substr(0, i)));
  for (std::size_t i = 0; i < pin.size(); ++i) CHECK_FALSE(decode_pin(std::string_view(pin).substr(0, i)));
}

TEST_CASE("a box with the file of a token comes back as it was, with a key or without; a password takes its place") {
  Box box = full_box();
  box.password.clear();
  box.token_file = "/run/token";
  const std::string record = *encode(box, nullptr);
  CHECK(record[0] == 3);
  const Seal seal = Seal::of("the key");
  CHECK(*encode(box, &seal) == record);
  for (const Seal* key : {static_cast<const Seal*>(nullptr), &seal}) {
    const auto read = decode_box(record, key);
    REQUIRE(read);
    CHECK(read->token_file == "/run/token");
    CHECK(read->password.empty());
    CHECK(read->sealed.empty());
    CHECK(read->pause == Pause::by_user);
  }
  for (std::size_t i = 0; i < record.size(); ++i)
    CHECK_FALSE(decode_box(std::string_view(record).substr(0, i), nullptr));
  Place place;
  REQUIRE(place.boxes->add(box));
  const auto changed = place.boxes->set_password(box.account, box.name, "secret");
  REQUIRE(changed);
  CHECK(changed->box->token_file.empty());
  place.open();
  CHECK(place.boxes->get(box.account, box.name)->box->password == "secret");
}

TEST_CASE("a box with tickets, or that wants a layer, comes back as it was, its password sealed as another's") {
  const Seal seal = Seal::of("the key");
  Box tickets = full_box();
  tickets.password.clear();
  tickets.tickets = "/run/tickets";
  Box layer = full_box();
  layer.layer = sasl::Protection::confidentiality;
  layer.tls = Tls::none;
  for (const Box& box : {tickets, layer}) {
    for (const Seal* key : {static_cast<const Seal*>(nullptr), &seal}) {
      const std::string record = *encode(box, key);
      CHECK(record[0] == 4);
      CHECK((record.find("secret") == std::string::npos) == (key != nullptr || box.password.empty()));
      const auto read = decode_box(record, key);
      REQUIRE(read);
      CHECK(read->tickets == box.tickets);
      CHECK(read->layer == box.layer);
      CHECK(read->password == box.password);
      CHECK(read->sealed.empty());
      CHECK(read->pause == box.pause);
      for (std::size_t i = 0; i < record.size(); ++i)
        CHECK_FALSE(decode_box(std::string_view(record).substr(0, i), key));
    }
    // Without its key the password stays sealed, and the rest is there.
    const auto closed = decode_box(*encode(box, &seal), nullptr);
    REQUIRE(closed);
    CHECK(closed->password.empty());
    CHECK(closed->sealed.empty() == box.password.empty());
    CHECK(closed->layer == box.layer);
  }
  Place place;
  REQUIRE(place.boxes->add(tickets));
  REQUIRE(place.boxes->set_password(tickets.account, tickets.name, "secret"));
  place.open();
  const auto known = place.boxes->get(tickets.account, tickets.name);
  CHECK(known->box->password == "secret");
  CHECK(known->box->tickets.empty());
}

TEST_CASE("a folder of version 1, before anything was owed, is still read; one of version 3 is not") {
  const std::string first = "\x01\x09\x05\x02\x02\x04";
  const auto folder = decode_folder(first);
  REQUIRE(folder);
  CHECK(folder->uid_validity == 9);
  CHECK(folder->last == 5);
  CHECK(folder->passed_over == std::vector<std::uint32_t>{2, 4});
  CHECK(folder->owed.empty());
  CHECK(encode(*folder)[0] == 2);
  CHECK(decode_folder("\x03" + first.substr(1)).error().is(kDamagedRecord));
}

TEST_CASE("no more is owed or passed over than a record may hold") {
  FolderState folder{.uid_validity = 1, .last = 2000};
  for (std::uint32_t uid = 1; uid <= kPassedOverMax; ++uid) {
    folder.passed_over.push_back(uid);
    folder.owed.push_back({.uid = 1000 + uid, .refusals = 1, .next = {1}});
  }
  CHECK(decode_folder(encode(folder)));
  FolderState more = folder;
  more.owed.push_back({.uid = 5000, .refusals = 1, .next = {1}});
  CHECK(decode_folder(encode(more)).error().is(kDamagedRecord));
  more = folder;
  more.passed_over.push_back(5000);
  CHECK(decode_folder(encode(more)).error().is(kDamagedRecord));
}

TEST_CASE("boxes outlive the process, by account and name, and go with what was kept of them") {
  Place place;
  const Known added = *place.boxes->add(full_box());
  CHECK(place.boxes->add(full_box()).error().is(kExists));
  Box other = full_box();
  other.account = 4;
  const Known second = *place.boxes->add(other);
  CHECK(second.box->id > added.box->id);
  REQUIRE(place.boxes->put_mark(added.box->id, "id1", {.at = {5}}));
  REQUIRE(place.boxes->put_mark(second.box->id, "id2", {.at = {5}}));
  REQUIRE(place.boxes->put_folder(
      added.box->id, "INBOX", {.uid_validity = 1, .last = 9, .passed_over = {}, .owed = {{.uid = 4, .refusals = 1}}}));
  REQUIRE(place.boxes->put_pin(added.box->id, {.known = "aa", .refused = {}}));
  place.open();
  CHECK(place.boxes->list().size() == 2);
  CHECK(place.boxes->list(4).size() == 1);
  CHECK(place.boxes->get(3, "box")->box->password == "secret");
  CHECK(place.boxes->marks(added.box->id)->contains("id1"));
  CHECK(place.boxes->folder(added.box->id, "INBOX")->last == 9);
  CHECK(place.boxes->folder(added.box->id, "INBOX")->owed.size() == 1);
  CHECK(place.boxes->pin(added.box->id)->known == "aa");
  CHECK(place.boxes->pin(second.box->id)->known.empty());
  CHECK(place.boxes->folder(added.box->id, "Sent")->last == 0);
  REQUIRE(place.boxes->remove(3, "box"));
  CHECK(place.boxes->remove(3, "box").error().is(kUnknown));
  place.open();
  CHECK(place.boxes->list().size() == 1);
  CHECK(place.boxes->marks(added.box->id)->empty());
  CHECK(place.boxes->folder(added.box->id, "INBOX")->last == 0);
  CHECK(place.boxes->pin(added.box->id)->known.empty());
  CHECK(place.boxes->marks(second.box->id)->size() == 1);
}

TEST_CASE("what is due, what a run writes down, and what it must not when the box was changed") {
  Place place;
  Box box = full_box();
  box.pause = Pause::none;
  const BoxPtr now = place.boxes->add(box)->box;
  CHECK(place.boxes->due({1}).size() == 1);
  REQUIRE(place.boxes->report(now, {.next = {1000}}, Pause::none));
  CHECK(place.boxes->due({999}).empty());
  CHECK(place.boxes->due({1000}).size() == 1);
  CHECK(place.boxes->current(now->id) == now);
  REQUIRE(place.boxes->hurry(3, "box"));
  CHECK(place.boxes->current(now->id) != now);
  CHECK(place.boxes->due({1}).size() == 1);
  REQUIRE(place.boxes->report(now, {.next = {1000}}, Pause::refused));
  CHECK(place.boxes->get(3, "box")->box->pause == Pause::none);
  REQUIRE(place.boxes->pause(3, "box", Pause::by_user));
  CHECK(place.boxes->due({5000}).empty());
  CHECK(place.boxes->hurry(3, "box").error().is(kInvalid));
  REQUIRE(place.boxes->pause(3, "box", Pause::none));
  REQUIRE(place.boxes->report(place.boxes->current(now->id), {.failures = 3, .error = "wrong"}, Pause::refused));
  place.open();
  CHECK(place.boxes->get(3, "box")->box->pause == Pause::refused);
  CHECK(place.boxes->get(3, "box")->progress.error == "wrong");
}

TEST_CASE("what a box cannot be is refused, at each limit and not before it") {
  Place place;
  int count = 0;
  const auto fits = [&](const std::function<void(Box&)>& change) {
    Box box = full_box();
    box.name = "n" + std::to_string(++count);
    change(box);
    const auto added = place.boxes->add(box);
    if (!added) CHECK(added.error().is(kInvalid));
    return added.has_value();
  };
  CHECK(fits([](Box& box) { box.name = std::string(kNameMax, 'x'); }));
  CHECK_FALSE(fits([](Box& box) { box.name = std::string(kNameMax + 1, 'x'); }));
  CHECK_FALSE(fits([](Box& box) { box.name = "a b"; }));
  CHECK(fits([](Box& box) { box.user = std::string(kTextMax, 'x'); }));
  CHECK_FALSE(fits([](Box& box) { box.user = std::string(kTextMax + 1, 'x'); }));
  CHECK_FALSE(fits([](Box& box) { box.password = "a\r\nDELE 1"; }));
  CHECK_FALSE(fits([](Box& box) { box.password.clear(); }));
  CHECK_FALSE(fits([](Box& box) { box.token_file = "/run/token"; }));
  CHECK(fits([](Box& box) { box.password.clear(), box.token_file = "/run/token"; }));
  CHECK_FALSE(fits([](Box& box) { box.password.clear(), box.token_file = "token"; }));
  CHECK(fits([](Box& box) { box.password.clear(), box.token_file = "/" + std::string(kTextMax - 1, 'x'); }));
  CHECK_FALSE(fits([](Box& box) { box.password.clear(), box.token_file = "/" + std::string(kTextMax, 'x'); }));
  CHECK(fits([](Box& box) { box.password.clear(), box.tickets = "/run/tickets"; }));
  CHECK_FALSE(fits([](Box& box) { box.password.clear(), box.tickets = "tickets"; }));
  CHECK_FALSE(fits([](Box& box) { box.tickets = "/run/tickets"; }));
  CHECK_FALSE(
      fits([](Box& box) { box.password.clear(), box.tickets = "/run/tickets", box.token_file = "/run/token"; }));
  CHECK_FALSE(fits([](Box& box) { box.password.clear(), box.tickets = "/" + std::string(kTextMax, 'x'); }));
  const auto layered = [](Box& box) { box.layer = sasl::Protection::integrity, box.tls = Tls::none; };
  CHECK(fits(layered));
  CHECK(fits([&](Box& box) { layered(box), box.password.clear(), box.tickets = "/run/tickets"; }));
  CHECK_FALSE(fits([&](Box& box) { layered(box), box.tls = Tls::starttls; }));
  CHECK_FALSE(fits([&](Box& box) { layered(box), box.password.clear(), box.token_file = "/run/token"; }));
  CHECK(fits([](Box& box) { box.folders.assign(kFoldersMax, "x"); }));
  CHECK_FALSE(fits([](Box& box) { box.folders.assign(kFoldersMax + 1, "x"); }));
  CHECK(fits([](Box& box) { box.every = kEveryMin; }));
  CHECK_FALSE(fits([](Box& box) { box.every = kEveryMin - std::chrono::seconds(1); }));
  CHECK(fits([](Box& box) { box.every = kEveryMax; }));
  CHECK_FALSE(fits([](Box& box) { box.every = kEveryMax + std::chrono::seconds(1); }));
  CHECK_FALSE(fits([](Box& box) { box.protocol = Protocol::pop3; }));
  const auto odmr = [](Box& box) {
    box.protocol = Protocol::odmr;
    box.folders.clear();
    box.into.clear();
    box.remove_after.reset();
    box.watching = Watching::polls;
  };
  CHECK(fits(odmr));
  CHECK_FALSE(fits([&](Box& box) { odmr(box), box.folders = {"x"}; }));
  CHECK_FALSE(fits([&](Box& box) { odmr(box), box.into = "x"; }));
  CHECK_FALSE(fits([&](Box& box) { odmr(box), box.remove_after = 0; }));
  CHECK_FALSE(fits([&](Box& box) { odmr(box), box.watching = Watching::idles; }));
  for (std::size_t there = place.boxes->list(3).size(); there < kBoxesMax; ++there) CHECK(fits([](Box&) {}));
  CHECK_FALSE(fits([](Box&) {}));
}

TEST_CASE("passwords lie sealed in the store: by the key they open, for the same server and name") {
  const Seal seal = Seal::of("the key");
  const std::string sealed = *encode(full_box(), &seal);
  CHECK(sealed.find("secret") == std::string::npos);
  CHECK(decode_box(sealed, &seal)->password == "secret");
  CHECK(decode_box(sealed, &seal)->sealed.empty());
  std::string elsewhere = sealed;
  elsewhere.replace(elsewhere.find("mail.x.test"), 11, "evil.x.test");
  CHECK(decode_box(elsewhere, &seal)->password.empty());
  const Seal other = Seal::of("another key");
  for (const Seal* const key : {static_cast<const Seal*>(nullptr), &other}) {
    const auto box = decode_box(sealed, key);
    REQUIRE(box);
    CHECK(box->password.empty());
    CHECK(!box->sealed.empty());
    // It is not lost by a change meanwhile.
    CHECK(decode_box(*encode(*box, key), &seal)->password == "secret");
  }
}

TEST_CASE("a password of the first version is read, and sealed when its box is written next") {
  Place place;
  Box box = full_box();
  box.pause = Pause::none;
  {
    store::Batch batch;
    batch.put(box_key(box.id), *encode(box, nullptr));
    REQUIRE(place.tablet->commit_and_wait(std::move(batch)));
  }
  CHECK(place.tablet->get(box_key(box.id))->value().find("secret") != std::string::npos);
  place.open();
  CHECK(place.boxes->get(3, "box")->box->password == "secret");
  REQUIRE(place.boxes->pause(3, "box", Pause::by_user));
  CHECK(place.tablet->get(box_key(box.id))->value().find("secret") == std::string::npos);
  place.open();
  CHECK(place.boxes->get(3, "box")->box->password == "secret");
}

TEST_CASE("without the key: no password is taken, boxes are there and can be paused, and a new password mends them") {
  Place place;
  const BoxId id = place.boxes->add(full_box())->box->id;
  CHECK(place.tablet->get(box_key(id))->value().find("secret") == std::string::npos);
  place.seal = fail(kNoKey, "it is gone");
  place.open();
  CHECK(place.boxes->get(3, "box")->box->password.empty());
  REQUIRE(place.boxes->pause(3, "box", Pause::refused));
  Box another = full_box();
  another.name = "another";
  CHECK(place.boxes->add(another).error().is(kNoKey));
  CHECK(place.boxes->set_password(3, "box", "new").error().is(kNoKey));
  place.seal = Seal::of("another key");
  place.open();
  CHECK(place.boxes->get(3, "box")->box->password.empty());
  CHECK(place.boxes->set_password(3, "box", "a\r\nb").error().is(kInvalid));
  const auto mended = place.boxes->set_password(3, "box", "new");
  REQUIRE(mended);
  CHECK(mended->box->pause == Pause::none);
  place.open();
  CHECK(place.boxes->get(3, "box")->box->password == "new");
  CHECK(place.boxes->get(3, "box")->box->sealed.empty());
}

// Only for tests: an account with a location, the programs that read its boxes, and its readers here.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "box/testing.h"
#include "delivery/files_faulty.h"
#include "location/keeper.h"
#include "location/testing.h"
#include "mailbox/test_world.h"
#include "support/test.h"

namespace angarium::location::testing {

using mailbox::kSeen;
using mailbox::test::kAlice;
using message::BoxFlags;
using message::kBoxFlagged;
using message::kBoxSeen;

inline std::string letter(const std::string& word) {
  return "From: " + word + "@example.test\r\nSubject: " + word + "\r\n\r\nFrom the hand of\r\n>From " + word + "\r\n";
}

/// What names a test's message.
inline std::string subject_of(std::string_view octets) {
  const std::size_t at = octets.find("Subject: ") + 9;
  return std::string(octets.substr(at, octets.find('\r', at) - at));
}

using Contents = std::multimap<std::string, BoxFlags>;

/// What kind of boxes, and whose.
struct Setting {
  Location::Form form;
  bool of_user = false;  ///< of the host: another process works on them
  operator Location::Form() const { return form; }
};

/// An account with a location, and the programs that read its boxes.
struct House : mailbox::test::Ready {
  explicit House(Setting setting) {
    const Location::Form form = setting.form;
    location = form == Location::Form::maildir
                   ? Location{.form = form, .inbox = home.path() + "/Maildir", .folders = {}}
                   : Location{.form = form, .inbox = home.path() + "/spool", .folders = home.path() + "/mail"};
    if (form == Location::Form::mbox) home.put("mail/.keep", "");
    REQUIRE(make_box(location, location.inbox));
    if (setting.of_user) location.user = "anna";
    begin();
  }
  void begin(delivery::Surroundings surroundings = {}, location::testing::Processes::Work work = {}) {
    keeper.reset();
    boxes.reset();
    users.reset();
    processes.reset();
    processes = std::make_unique<location::testing::Processes>(home.path(), std::move(work));
    users = std::make_unique<UsersBoxes>(processes->attend(), system_clock());
    boxes = std::make_unique<EverybodysBoxes>(box::Host{.delivery = surroundings, .home = home.path()}, users.get());
    keeper = std::make_unique<Keeper>(*store, *tablet, pool, *boxes);
  }
  void begin_again() {
    keeper.reset();
    again();
    begin();
  }

  Report settle() {
    Report report = must(keeper->settle(kAlice, location));
    std::string words;
    for (const std::string& line : report.troubles) words += line + "; ";
    CHECK_MESSAGE(words.empty(), words);
    return report;
  }

  // Other programs.
  std::string path(std::string_view mailbox) const { return path_of(location, mailbox); }
  void put(std::string_view mailbox, const std::string& word, BoxFlags flags = 0) {
    NewMessage message{.octets = letter(word), .flags = flags, .received = WallTime::from_seconds(1'700'000'000)};
    REQUIRE(add_message(location, path(mailbox), message, {}));
  }
  void with_box(std::string_view mailbox, const std::function<void(box::Box&, std::size_t, const std::string&)>& each) {
    auto box = box::open_box(path(mailbox), {.delivery = {}, .home = home.path()}, box::Access::change).value();
    for (std::size_t i = 0; i < box->size(); ++i) each(*box, i, subject_of(box->read(i, kMessageMax).value()));
    REQUIRE(box->write());
  }
  void mark_there(std::string_view mailbox, const std::string& word, BoxFlags flags) {
    with_box(mailbox, [&](box::Box& box, std::size_t i, const std::string& subject) {
      if (subject == word) box.at(i).flags = flags;
    });
  }
  void remove_there(std::string_view mailbox, const std::string& word) {
    with_box(mailbox, [&](box::Box& box, std::size_t i, const std::string& subject) {
      if (subject == word) box.at(i).deleted = true;
    });
  }
  Contents there(std::string_view mailbox) {
    Contents contents;
    with_box(mailbox, [&](box::Box& box, std::size_t i, const std::string& subject) {
      contents.emplace(subject, static_cast<BoxFlags>(box.at(i).flags & kSharedFlags));
    });
    return contents;
  }

  // Readers here.
  struct Message {
    mailbox::Uid uid;
    std::string word;
    mailbox::SystemFlags flags;
  };
  std::vector<Message> messages(std::string_view name) {
    const mailbox::ViewPtr shown = view(id(name));
    std::vector<Message> all;
    shown->for_each([&](std::uint32_t, const mailbox::Entry& entry) {
      all.push_back({entry.uid, subject_of(octets(*mail, entry.email)), entry.flags()});
    });
    return all;
  }
  Contents here(std::string_view name) {
    Contents contents;
    for (const Message& one : messages(name)) {
      unsigned flags = 0;
      if ((one.flags & kSeen) != 0) flags |= kBoxSeen;
      if ((one.flags & mailbox::kFlagged) != 0) flags |= kBoxFlagged;
      contents.emplace(one.word, static_cast<BoxFlags>(flags));
    }
    return contents;
  }
  void append(std::string_view name, const std::string& word, mailbox::SystemFlags flags = 0) {
    std::vector<mailbox::AppendItem> items;
    items.push_back({.content = mailbox::make_content(letter(word)), .flags = {flags, {}}, .received = {}});
    must(mail->append(id(name), std::move(items)));
  }
  mailbox::UidSet uids_of(std::string_view name, const std::string& word) {
    mailbox::UidSet uids;
    for (const Message& one : messages(name))
      if (one.word == word) uids.add(one.uid);
    return uids;
  }
  void mark(std::string_view name, const std::string& word, mailbox::SystemFlags flags) {
    must(mail->change_flags(id(name), uids_of(name, word), mailbox::test::flags(mailbox::FlagMode::replace, flags)));
  }
  void expunge(std::string_view name, const std::string& word) {
    must(mail->expunge(id(name), uids_of(name, word), mailbox::ExpungeOnly::any));
  }

  box::testing::Home home;
  Location location;
  std::unique_ptr<location::testing::Processes> processes;
  std::unique_ptr<UsersBoxes> users;
  std::unique_ptr<Boxes> boxes;
  std::unique_ptr<Keeper> keeper;
};

inline constexpr Setting kForms[] = {
    {Location::Form::maildir}, {Location::Form::mbox}, {Location::Form::maildir, true}, {Location::Form::mbox, true}};
/// Those of this process.
inline constexpr Setting kFormsHere[] = {{Location::Form::maildir}, {Location::Form::mbox}};

/// Takes an image of both sides before a call.
class Imaging final : public delivery::FaultyFiles {
 public:
  Imaging(House& house, std::uint64_t at, ManualClock& clock) : FaultyFiles(1, clock), house_(house), at_(at) {}
  using FaultyFiles::sync;
  delivery::Answer<> sync(const delivery::Descriptor& file) override {
    look();
    return FaultyFiles::sync(file);
  }
  delivery::Answer<std::size_t> write(const delivery::Descriptor& file, std::uint64_t offset,
                                      std::string_view octets) override {
    look();
    return FaultyFiles::write(file, offset, octets);
  }
  delivery::Answer<> remove(const delivery::Descriptor& folder, const std::string& name) override {
    look();
    return FaultyFiles::remove(folder, name);
  }
  delivery::Answer<> truncate(const delivery::Descriptor& file, std::uint64_t size) override {
    look();
    return FaultyFiles::truncate(file, size);
  }

  std::shared_ptr<store::MemoryDisk> store;

 private:
  void look() {
    if (++calls_ != at_) return;
    store = house_.image();
    std::filesystem::copy(house_.home.path(), house_.home.path() + ".image", std::filesystem::copy_options::recursive);
  }
  House& house_;
  std::uint64_t at_;
  std::uint64_t calls_ = 0;
};

}  // namespace angarium::location::testing

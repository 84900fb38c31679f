#include "mua/store_box.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/text.h"
#include "io/connect.h"
#include "message/address.h"
#include "mua/display.h"
#include "mua/error.h"
#include "mua/imap_words.h"

namespace angarium::mua {
namespace {

namespace imap = protocol::imap;

constexpr const char* kMadeAnew = " was made anew at the server: nothing is changed there";

/// What a new connection would not change.
bool is_answer(const Error& error) {
  return error.is(imap::kServerRefused) || error.is(imap::kServerBusy) || error.is(kChanged) || error.is(kHost);
}

io::Task<> keep(io::Loop& loop, io::Task<Result<>> task, Result<>& into) {
  into = co_await std::move(task);
  loop.stop();
}

}  // namespace

Result<std::unique_ptr<Box>> StoreBox::open(const std::string& name, const Surroundings& here, Access access) {
  if (!here.own_store) return fail(kNoBox, "no server's store is known here");
  auto loop = TRY(io::make_loop());
  std::unique_ptr<StoreBox> box(new StoreBox(name, here, access, std::move(loop)));
  auto selected = box->connect();
  if (selected) selected = box->wait_for(box->take_in());
  if (!selected && selected.error().is(imap::kServerRefused)) return fail(kNoBox, selected.error().text());
  if (!selected) return std::unexpected(std::move(selected).error());
  return box;
}

StoreBox::~StoreBox() { (void)wait_for(leave()); }

io::Task<Result<>> StoreBox::leave() {
  if (client_) (void)co_await client_->logout();
  client_.reset();
  connection_.reset();
  co_return Result<>();
}

Result<> StoreBox::wait_for(io::Task<Result<>> task) {
  Result<> result;
  loop_->spawn(keep(*loop_, std::move(task), result));
  loop_->run();
  return result;
}

Result<> StoreBox::connect() { return wait_for(select(TRY(here_.own_store()))); }

/// Without success no connection is left: what it has selected is not what the UIDs are of.
io::Task<Result<>> StoreBox::select(int descriptor) {
  auto selected = co_await select_anew(descriptor);
  if (!selected) {
    client_.reset();
    connection_.reset();
    made_anew_ = selected.error().is(kChanged);
  }
  co_return selected;
}

io::Task<Result<>> StoreBox::select_anew(int descriptor) {
  client_.reset();
  connection_ = wire::plain_connection(io::adopt_stream(descriptor));
  client_ = std::make_unique<imap::Client>(*connection_, imap::ClientOptions{.stream_from = 0});
  if (!CO_TRY(co_await client_->greet())) co_return fail(kHost, "the server does not know whose mail this is");
  const std::string folder = is_inbox() ? "INBOX" : name_.substr(1);
  const auto selected = CO_TRY(co_await client_->select(
      folder, access_ == Access::read_only ? imap::Access::read_only : imap::Access::read_write));
  if (uid_validity_ != 0 && selected.uid_validity != uid_validity_) co_return fail(kChanged, name_ + kMadeAnew);
  uid_validity_ = selected.uid_validity;
  co_return Result<>();
}

Result<> StoreBox::perform(const Job& job) {
  if (made_anew_) return fail(kChanged, name_ + kMadeAnew);
  if (client_) {
    auto done = wait_for(job());
    if (done || is_answer(done.error())) return done;
  }
  TRY(connect());
  return wait_for(job());
}

/// What has come behind the last one that is known.
io::Task<Result<>> StoreBox::take_in() {
  const std::uint32_t last = uids_.empty() ? 0 : uids_.back();
  std::map<std::uint32_t, Entry> found;
  if (last == UINT32_MAX) co_return Result<>();
  CO_TRY(co_await client_->uid_fetch(std::to_string(last + 1) + ":*", "(UID FLAGS RFC822.SIZE)",
                                     [&](const imap::Response& response) {
                                       const auto* fetched = std::get_if<imap::FetchResponse>(&response);
                                       // "n:*" always holds the last message (RFC 9051 §9).
                                       if (fetched == nullptr || !fetched->uid || *fetched->uid <= last) return;
                                       if (!fetched->size) return;
                                       Entry entry{.octets = *fetched->size};
                                       entry.flags = entry.flags_there = flags_of(*fetched);
                                       found[*fetched->uid] = entry;
                                     }));
  for (const auto& [uid, entry] : found) {
    uids_.push_back(uid);
    entries_.push_back(entry);
  }
  co_return Result<>();
}

Result<std::string> StoreBox::start(std::size_t number, std::size_t max) {
  const std::string uid = std::to_string(uids_[number]);
  const std::string items = "BODY.PEEK[]<0." + std::to_string(max) + ">";
  std::optional<std::string> octets;
  TRY(perform([&]() -> io::Task<Result<>> {
    TakenMessage taken(max);
    CO_TRY(co_await client_->uid_fetch(uid, items, {}, &taken));
    octets = std::move(taken.octets());
    co_return Result<>();
  }));
  if (!octets) return fail(kHost, "the message is gone: it was removed elsewhere");
  return *std::move(octets);
}

Result<Came> StoreBox::came(std::size_t number) {
  const std::string header = TRY(start(number, kHeaderMax));
  const auto addresses = message::parse_addresses(field_text(header, "Return-Path")).addresses;
  Came came;
  if (!addresses.empty()) came.sender = addresses.front().local_part + "@" + addresses.front().domain;
  const std::string uid = std::to_string(uids_[number]);
  TRY(perform([&]() -> io::Task<Result<>> {
    CO_TRY(co_await client_->uid_fetch(uid, "(INTERNALDATE)", [&](const imap::Response& response) {
      const auto* fetched = std::get_if<imap::FetchResponse>(&response);
      if (fetched != nullptr && fetched->internal_date) came.date = message::DateTime::at(*fetched->internal_date);
    }));
    co_return Result<>();
  }));
  return came;
}

Result<std::size_t> StoreBox::look() {
  const std::size_t before = entries_.size();
  TRY(perform([this] { return take_in(); }));
  return entries_.size() - before;
}

std::vector<std::string> StoreBox::sets_of(message::BoxFlags flag, bool wanted) const {
  std::vector<std::uint32_t> uids;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.deleted || ((entry.flags ^ entry.flags_there) & flag) == 0) continue;
    if (((entry.flags & flag) != 0) == wanted) uids.push_back(uids_[i]);
  }
  return in_sets(uids);
}

io::Task<Result<>> StoreBox::change_flags() {
  for (const FlagPair& pair : kFlagPairs)
    for (const bool wanted : {true, false})
      for (const std::string& set : sets_of(pair.here, wanted)) {
        const std::string change = std::string(wanted ? "+" : "-") + "FLAGS.SILENT (" + std::string(pair.name()) + ")";
        CO_TRY(co_await client_->uid_store(set, change));
      }
  co_return Result<>();
}

Result<> StoreBox::write() {
  std::vector<std::uint32_t> deleted;
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].deleted) deleted.push_back(uids_[i]);
  const std::vector<std::string> sets = in_sets(deleted);
  TRY(perform([&]() -> io::Task<Result<>> {
    CO_TRY(co_await change_flags());
    for (const std::string& set : sets) {
      CO_TRY(co_await client_->uid_store(set, "+FLAGS.SILENT (\\Deleted)"));
      CO_TRY(co_await client_->uid_expunge(set));
    }
    co_return Result<>();
  }));
  std::vector<std::uint32_t> uids;
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].deleted) continue;
    entries.push_back(entries_[i]);
    entries.back().flags_there = entries.back().flags;
    uids.push_back(uids_[i]);
  }
  entries_ = std::move(entries);
  uids_ = std::move(uids);
  return {};
}

}  // namespace angarium::mua

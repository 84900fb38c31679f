#include "location/pairs.h"

#include <algorithm>

#include "location/location.h"
#include "store/keys.h"
#include "store/octets.h"

namespace angarium::location {
namespace {

/// Of all records; the time and the location, the box's path, or the flags and the name follow.
constexpr char kVersion = 1;
/// Of a pair with keywords: the flags, how many keywords, each with its length, and the name follow.
constexpr char kVersionWithKeywords = 2;
/// Octet, account; and mailbox.
constexpr std::size_t kAccountKey = 1 + 8;
constexpr std::size_t kBoxKey = kAccountKey + 4;
constexpr std::size_t kPairKey = kBoxKey + 4;

std::string account_key(mailbox::AccountId account) { return store::KeyWriter().u8(kKeyOctet).u64(account).key(); }

store::KeyWriter box_key(mailbox::AccountId account, mailbox::MailboxId mailbox) {
  return store::KeyWriter().u8(kKeyOctet).u64(account).u32(mailbox);
}

Error damaged() { return {kTrouble, "a record of what lies in place is damaged, or of a newer version"}; }

}  // namespace

void note_box(mailbox::AccountId account, const Kept& kept, store::Batch& batch) {
  std::string value(1, kVersion);
  store::append_varint(value, kept.identity);
  batch.put(box_key(account, kept.mailbox).key(), value + kept.path);
}

void forget_box(mailbox::AccountId account, mailbox::MailboxId mailbox, store::Batch& batch) {
  const std::string from = box_key(account, mailbox).key();
  batch.erase_range(from, store::after_prefix(from));
}

void note_pair(mailbox::AccountId account, mailbox::MailboxId mailbox, const Pair& pair, store::Batch& batch,
               const KeywordNames& names) {
  std::vector<std::string_view> keywords;
  const bool any = pair.flags >> kKeywordShift != 0;
  for (const std::string& name : names)
    if (any && (pair.flags & keyword_bit(names, name)) != 0) keywords.push_back(name);
  std::string value(1, keywords.empty() ? kVersion : kVersionWithKeywords);
  value += static_cast<char>(pair.flags);
  if (!keywords.empty()) store::append_varint(value, keywords.size());
  for (const std::string_view keyword : keywords) {
    store::append_varint(value, keyword.size());
    value += keyword;
  }
  value += pair.name;
  batch.put(box_key(account, mailbox).u32(pair.uid).key(), value);
}

void forget_pair(mailbox::AccountId account, mailbox::MailboxId mailbox, mailbox::Uid uid, store::Batch& batch) {
  batch.erase(box_key(account, mailbox).u32(uid).key());
}

void erase_account(mailbox::AccountId account, store::Batch& batch) {
  const std::string from = account_key(account);
  batch.erase_range(from, store::after_prefix(from));
}

void note_moved_in(mailbox::AccountId account, const MovedIn& moved, store::Batch& batch) {
  std::string value(1, kVersion);
  store::append_varint(value, static_cast<std::uint64_t>(moved.at.seconds()));
  batch.put(account_key(account), value + moved.location);
}

namespace {

std::optional<MovedIn> read_moved_in(std::string_view value) {
  if (!value.starts_with(kVersion)) return std::nullopt;
  value.remove_prefix(1);
  std::uint64_t seconds = 0;
  if (!store::take_varint(value, seconds)) return std::nullopt;
  return MovedIn{std::string(value), WallTime::from_seconds(static_cast<std::int64_t>(seconds))};
}

}  // namespace

Result<std::optional<MovedIn>> moved_in(store::Tablet& tablet, mailbox::AccountId account) {
  const auto value = TRY(tablet.get(account_key(account)));
  if (!value) return std::nullopt;
  auto moved = read_moved_in(*value);
  if (!moved) return std::unexpected(damaged());
  return moved;
}

Result<std::map<mailbox::AccountId, MovedIn>> all_moved_in(store::Tablet& tablet) {
  std::map<mailbox::AccountId, MovedIn> all;
  std::string from(1, static_cast<char>(kKeyOctet));
  const std::string to = store::after_prefix(from);
  bool right = true;
  // From account to account: an account's own record is its first.
  for (bool more = true; more && right;) {
    more = false;
    TRY(tablet.scan(from, to, {.limit = 1}, [&](std::string_view key, std::string_view value) {
      right = key.size() >= kAccountKey;
      if (!right) return store::Step::stop;
      store::KeyReader parts(key);
      parts.u8();
      const mailbox::AccountId account = parts.u64();
      if (key.size() == kAccountKey) {
        // One that is damaged is told by `verify` and by its own account's looks: the others are listed.
        if (auto moved = read_moved_in(value)) all.emplace(account, *std::move(moved));
      }
      from = store::after_prefix(key.substr(0, kAccountKey));
      more = true;
      return store::Step::next;
    }));
  }
  if (!right) return std::unexpected(damaged());
  return all;
}

Result<std::vector<Kept>> kept_boxes(store::Tablet& tablet, mailbox::AccountId account) {
  std::vector<Kept> boxes;
  bool right = true;
  const std::string prefix = account_key(account);
  const std::string to = store::after_prefix(prefix);
  std::string from = prefix + '\0';  // behind the account's own record
  // From box to box: what lies between are pairs.
  while (true) {
    std::optional<mailbox::MailboxId> found;
    TRY(tablet.scan(from, to, {.limit = 1}, [&](std::string_view key, std::string_view value) {
      right = key.size() == kBoxKey && !value.empty() && value.front() == kVersion;
      if (!right) return store::Step::stop;
      store::KeyReader parts(key);
      parts.u8();
      parts.u64();
      found = parts.u32();
      value.remove_prefix(1);
      std::uint64_t identity = 0;
      right = store::take_varint(value, identity);
      boxes.push_back({*found, std::string(value), identity});
      return store::Step::next;
    }));
    if (!right) return std::unexpected(damaged());
    if (!found) return boxes;
    from = store::after_prefix(box_key(account, *found).key());
  }
}

namespace {

/// Nothing for a record in no form of these.
std::optional<Pair> read_pair(mailbox::Uid uid, std::string_view value, const KeywordNames& names) {
  if (value.size() < 2 || (value.front() != kVersion && value.front() != kVersionWithKeywords)) return std::nullopt;
  Pair pair{.uid = uid, .name = {}, .flags = static_cast<message::BoxFlags>(value[1])};
  const bool with_keywords = value.front() == kVersionWithKeywords;
  value.remove_prefix(2);
  std::uint64_t count = 0;
  if (with_keywords && !store::take_varint(value, count)) return std::nullopt;
  for (; count > 0; --count) {
    std::uint64_t size = 0;
    if (!store::take_varint(value, size) || size > value.size()) return std::nullopt;
    const Flags bit = keyword_bit(names, value.substr(0, size));
    pair.flags |= bit;
    pair.had_others = pair.had_others || bit == 0;
    value.remove_prefix(size);
  }
  pair.name = value;
  return pair.name.empty() ? std::nullopt : std::optional(std::move(pair));
}

}  // namespace

Result<std::vector<Pair>> pairs_of(store::Tablet& tablet, mailbox::AccountId account, mailbox::MailboxId mailbox,
                                   const KeywordNames& names) {
  std::vector<Pair> pairs;
  bool right = true;
  const std::string prefix = box_key(account, mailbox).key();
  TRY(tablet.scan(prefix, store::after_prefix(prefix), {}, [&](std::string_view key, std::string_view value) {
    if (key.size() == kBoxKey) return store::Step::next;
    store::KeyReader parts(key.substr(std::min(kBoxKey, key.size())));
    auto pair = read_pair(parts.u32(), value, names);
    right = key.size() == kPairKey && pair;
    if (!right) return store::Step::stop;
    pairs.push_back(*std::move(pair));
    return store::Step::next;
  }));
  if (!right) return std::unexpected(damaged());
  return pairs;
}

}  // namespace angarium::location

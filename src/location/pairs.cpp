#include "location/pairs.h"

#include "location/location.h"
#include "store/keys.h"
#include "store/octets.h"

namespace angarium::location {
namespace {

/// Of both records; the box's path, or the flags and the name follow.
constexpr char kVersion = 1;
/// Octet, account, mailbox.
constexpr std::size_t kBoxKey = 1 + 8 + 4;
constexpr std::size_t kPairKey = kBoxKey + 4;

store::KeyWriter box_key(mailbox::AccountId account, mailbox::MailboxId mailbox) {
  return store::KeyWriter().u8(kKeyOctet).u64(account).u32(mailbox);
}

Error damaged() { return {kTrouble, "a record of what lies in place is damaged; angarium verify tells more"}; }

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

void note_pair(mailbox::AccountId account, mailbox::MailboxId mailbox, const Pair& pair, store::Batch& batch) {
  std::string value(1, kVersion);
  value += static_cast<char>(pair.flags);
  value += pair.name;
  batch.put(box_key(account, mailbox).u32(pair.uid).key(), value);
}

void forget_pair(mailbox::AccountId account, mailbox::MailboxId mailbox, mailbox::Uid uid, store::Batch& batch) {
  batch.erase(box_key(account, mailbox).u32(uid).key());
}

void erase_account(mailbox::AccountId account, store::Batch& batch) {
  const std::string from = store::KeyWriter().u8(kKeyOctet).u64(account).key();
  batch.erase_range(from, store::after_prefix(from));
}

Result<std::vector<Kept>> kept_boxes(store::Tablet& tablet, mailbox::AccountId account) {
  std::vector<Kept> boxes;
  bool right = true;
  std::string from = store::KeyWriter().u8(kKeyOctet).u64(account).key();
  const std::string to = store::after_prefix(from);
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

Result<std::vector<Pair>> pairs_of(store::Tablet& tablet, mailbox::AccountId account, mailbox::MailboxId mailbox) {
  std::vector<Pair> pairs;
  bool right = true;
  const std::string prefix = box_key(account, mailbox).key();
  TRY(tablet.scan(prefix, store::after_prefix(prefix), {}, [&](std::string_view key, std::string_view value) {
    if (key.size() == kBoxKey) return store::Step::next;
    right = key.size() == kPairKey && value.size() > 2 && value.front() == kVersion;
    if (!right) return store::Step::stop;
    store::KeyReader parts(key.substr(kBoxKey));
    pairs.push_back({parts.u32(), std::string(value.substr(2)), static_cast<message::BoxFlags>(value[1])});
    return store::Step::next;
  }));
  if (!right) return std::unexpected(damaged());
  return pairs;
}

}  // namespace angarium::location

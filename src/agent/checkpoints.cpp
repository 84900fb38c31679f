#include "agent/checkpoints.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "keyring/body.h"
#include "mailbox/content.h"
#include "queue/queue.h"
#include "store/codec.h"
#include "store/encrypted.h"

namespace angarium::agent {
namespace {

constexpr char kVersion = 1;
/// Of a part that is sealed.
constexpr char kSealedVersion = 2;
constexpr char kHead = 'H';
constexpr char kPart = 'P';
/// What broke off before is sent again sooner than it is found out.
constexpr std::size_t kWorthKeeping = 16 * 1024;
constexpr std::uint64_t kRecipientsMax = 100'000;

std::string head_key(std::string_view name) { return std::string{kCheckpointKeyOctet, kHead}.append(name); }
std::string parts_key(std::string_view name, char behind) {
  return std::string{kCheckpointKeyOctet, kPart}.append(name) + behind;
}
std::string part_key(std::string_view name, std::uint32_t part) {
  std::string key = parts_key(name, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(part >> shift);
  return key;
}

std::string encode(const KeptTransaction& kept) {
  std::string out(1, kVersion);
  store::put_signed(out, kept.expires.microseconds);
  store::put_number(out, kept.octets);
  store::put_number(out, kept.parts);
  out += kept.accepted ? 'A' : 'O';
  store::put_octets(out, kept.accepted.value_or(""));
  store::put_octets(out, kept.sender.path.text() + envelope::format_parameters(kept.sender.parameters));
  store::put_number(out, kept.recipients.size());
  for (const envelope::Recipient& one : kept.recipients)
    store::put_octets(out, one.path.text() + envelope::format_parameters(one.parameters, envelope::Utf8::accept));
  return out;
}

std::optional<KeptTransaction> decode(std::string_view record) {
  store::RecordReader reader(record);
  if (reader.octet() != kVersion) return std::nullopt;
  KeptTransaction kept;
  kept.expires.microseconds = reader.signed_number();
  kept.octets = reader.number();
  kept.parts = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  const bool accepted = reader.octet() == 'A';
  const std::string_view told = reader.octets();
  if (accepted) kept.accepted = std::string(told);
  const envelope::PathOptions options{.utf8 = envelope::Utf8::accept};
  auto sender = envelope::parse_sender(reader.octets(), options);
  if (!sender) return std::nullopt;
  kept.sender = *std::move(sender);
  for (std::uint64_t left = reader.number_up_to(kRecipientsMax); left > 0 && reader.ok(); --left) {
    auto recipient = envelope::parse_recipient(reader.octets(), options);
    if (!recipient) return std::nullopt;
    kept.recipients.push_back(*std::move(recipient));
  }
  return reader.ok() ? std::optional(std::move(kept)) : std::nullopt;
}

}  // namespace

void visit_checkpoint(std::string_view key, std::string_view value,
                      const std::function<void(const store::BodyRef&)>& found) {
  if (key.size() < 2 || key[0] != kCheckpointKeyOctet || key[1] != kPart || value.empty()) return;
  if (const auto ref = store::BodyRef::decode(value.substr(1, store::BodyRef::kSize))) found(*ref);
}

queue::SealedElsewhere sealed_parts() {
  return {.from = {kCheckpointKeyOctet, kPart},
          .to = {kCheckpointKeyOctet, static_cast<char>(kPart + 1)},
          .sealed_key = [](std::string_view value) -> std::optional<std::string_view> {
            if (value.starts_with(kVersion)) return "";
            if (!value.starts_with(kSealedVersion) || value.size() <= 1 + store::BodyRef::kSize) return std::nullopt;
            return value.substr(1 + store::BodyRef::kSize);
          }};
}

/// All names once, at the first need: there are kCheckpointsMax at most.
io::Task<Result<>> Checkpoints::load() {
  {
    const std::lock_guard lock(mutex_);
    if (loaded_) co_return Result<>();
  }
  using All = std::map<std::string, Known, std::less<>>;
  All all = CO_TRY(co_await io::run(pool_, [&tablet = tablet_]() -> Result<All> {
    All found;
    const std::string from = head_key("");
    const std::string to{kCheckpointKeyOctet, static_cast<char>(kHead + 1)};
    TRY(tablet.scan(from, to, {}, [&](std::string_view key, std::string_view value) {
      // One that cannot be read is over at once.
      const auto kept = decode(value);
      found[std::string(key.substr(from.size()))] = {.octets = kept && !kept->accepted ? kept->octets : 0,
                                                     .record = value.size(),
                                                     .expires = kept ? kept->expires : WallTime{},
                                                     .read = 0};
      return store::Step::next;
    }));
    return found;
  }));
  const std::lock_guard lock(mutex_);
  if (!std::exchange(loaded_, true)) known_.merge(all);
  co_return Result<>();
}

io::Task<Result<std::optional<KeptTransaction>>> Checkpoints::take(CheckpointName name) {
  const std::string text = name.text();
  CO_TRY(co_await load());
  {
    const std::lock_guard lock(mutex_);
    if (!in_hand_.insert(text).second)
      co_return fail(kTransactionInHand, "another session has this transaction, try again later");
    if (!known_.contains(text)) co_return std::nullopt;
  }
  auto record = co_await io::run(pool_, [&tablet = tablet_, text] { return tablet.get(head_key(text)); });
  if (!record) {
    let_go(name);
    co_return std::unexpected(std::move(record).error());
  }
  auto kept = *record ? decode(**record) : std::nullopt;
  if (kept && kept->expires > clock_.wall() && (kept->accepted || !worn_out(text))) co_return kept;
  co_await forget({name});
  co_return std::nullopt;
}

void Checkpoints::let_go(const CheckpointName& name) {
  const std::lock_guard lock(mutex_);
  in_hand_.erase(name.text());
}

io::Task<Result<std::string>> Checkpoints::read(CheckpointName name, std::uint32_t part) {
  co_return co_await io::run(
      pool_, [&tablet = tablet_, keys = seals_.opens, key = part_key(name.text(), part)]() -> Result<std::string> {
        const std::string value = TRY(tablet.get(key)).value_or("");
        queue::Entry holds;
        const auto ref = value.empty()
                             ? std::nullopt
                             : store::BodyRef::decode(std::string_view(value).substr(1, store::BodyRef::kSize));
        if (!ref) return fail(store::kMissing, "a part of a transaction is not there");
        holds.body = *ref;
        if (value[0] == kSealedVersion) holds.sealed_key.octets = value.substr(1 + store::BodyRef::kSize);
        std::string octets;
        TRY(queue::read_body(tablet, keys, holds, 0, SIZE_MAX, store::Tier::any, octets));
        return octets;
      });
}

bool Checkpoints::worn_out(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(name);
  return known != known_.end() && known->second.read >= kCheckpointRereadMax;
}

void Checkpoints::count_reading(const CheckpointName& name) {
  const std::lock_guard lock(mutex_);
  if (const auto known = known_.find(name.text()); known != known_.end()) ++known->second.read;
}

bool Checkpoints::reserve(const CheckpointName& name, std::uint64_t octets, std::uint64_t record,
                          std::uint64_t octets_max) {
  const std::string text = name.text();
  const std::string party = name.party();
  const std::lock_guard lock(mutex_);
  if (!loaded_) return false;
  std::uint64_t all = octets + record;
  std::uint64_t of_party = all;
  std::size_t names = 0;
  const auto is_end = [](char c) { return c == ' ' || c == '\0'; };
  for (const auto& [other, known] : known_) {
    const std::uint64_t kept = known.octets + (other == text ? 0 : known.record);
    all += kept;
    if (!other.starts_with(party) || !is_end(other[party.size()])) continue;
    of_party += kept;
    ++names;
  }
  const bool there = known_.contains(text);
  if (all > octets_max || of_party > octets_max / kCheckpointOwnerShare) return false;
  if (!there && (known_.size() >= kCheckpointsMax || names >= kCheckpointsOfOwnerMax)) return false;
  Known& known = known_[text];
  known.octets += octets;
  known.record = record;
  known.expires = expiry();
  if (octets > 0) known.read = 0;
  return true;
}

void Checkpoints::count_accepted(const CheckpointName& name) {
  const std::lock_guard lock(mutex_);
  if (const auto known = known_.find(name.text()); known != known_.end()) known->second.octets = 0;
}

std::uint64_t Checkpoints::record_octets(const KeptTransaction& kept) { return encode(kept).size(); }

io::Task<Result<std::shared_ptr<const void>>> Checkpoints::put(CheckpointName name, KeptTransaction kept,
                                                               std::string octets, store::Batch& batch) {
  const std::string text = name.text();
  std::string value(1 + store::BodyRef::kSize, kVersion);
  std::shared_ptr<const void> on_its_way;
  if (seals_.by != nullptr) {
    const keyring::Key key = keyring::Key::make();
    octets = CO_TRY(keyring::seal_body(key, octets));
    value[0] = kSealedVersion;
    queue::SealedKey sealed = CO_TRY(co_await seals_.by->seal(key));
    value += sealed.octets;
    on_its_way = std::move(sealed.on_its_way);
  }
  const std::size_t body = batch.body(std::move(octets));
  if (seals_.by != nullptr) set_encrypted(batch, body);
  batch.put_with_body(part_key(text, kept.parts - 1), value, body, 1);
  batch.put(head_key(text), encode(kept));
  co_return on_its_way;
}

void Checkpoints::put_nothing(const CheckpointName& name, store::Batch& batch) {
  const std::string text = name.text();
  batch.erase(head_key(text));
  batch.erase_range(parts_key(text, '\0'), parts_key(text, '\1'));
}

void Checkpoints::put_accepted(const CheckpointName& name, const KeptTransaction& kept, store::Batch& batch) {
  const std::string text = name.text();
  batch.put(head_key(text), encode(kept));
  batch.erase_range(parts_key(text, '\0'), parts_key(text, '\1'));
}

/// As much as travels in a batch.
std::size_t Checkpoints::part_max() const {
  return seals_.by == nullptr ? store::kGroupBodyMax : mailbox::kSealedGroupBodyMax;
}

io::Task<> Checkpoints::erase(const std::vector<std::string>& names) {
  if (names.empty()) co_return;
  store::Batch batch;
  for (const std::string& name : names) {
    batch.erase(head_key(name));
    batch.erase_range(parts_key(name, '\0'), parts_key(name, '\1'));
  }
  const auto outcome = co_await queue::commit(tablet_, std::move(batch));
  if (!outcome) log::warning("smtp", "old transactions are kept for longer", {{"error", outcome.error().text()}});
  const std::lock_guard lock(mutex_);
  for (const std::string& name : names) {
    const auto known = known_.find(name);
    if (known == known_.end()) continue;
    if (outcome) {
      known_.erase(known);
    } else {
      known->second.expires = {};
    }
  }
}

io::Task<> Checkpoints::forget(std::vector<CheckpointName> names) {
  std::vector<std::string> texts;
  {
    const std::lock_guard lock(mutex_);
    for (const CheckpointName& name : names)
      if (known_.contains(name.text())) texts.push_back(name.text());
  }
  co_await erase(texts);
}

io::Task<> Checkpoints::expire() {
  if (!co_await load()) co_return;
  std::vector<std::string> over;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, known] : known_)
      if (known.expires <= clock_.wall() && in_hand_.insert(name).second) over.push_back(name);
  }
  co_await erase(over);
  const std::lock_guard lock(mutex_);
  for (const std::string& name : over) in_hand_.erase(name);
}

std::size_t Checkpoints::size() {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

// --- one transaction ------------------------------------------------------------------------------------------------

void OpenCheckpoint::begin(const envelope::Envelope& envelope) {
  kept_.sender = envelope.sender;
  kept_.recipients = envelope.recipients;
}

void OpenCheckpoint::append(std::string_view octets) {
  seen_.feed(octets);
  // What is refused at the end of data is not kept.
  if (seen_.bare_lf() > 0) given_up_ = true;
  if (given_up_) {
    buffer_.clear();
  } else {
    buffer_ += octets;
  }
}

bool OpenCheckpoint::full() const { return !given_up_ && buffer_.size() >= all_->part_max(); }

io::Task<> OpenCheckpoint::store(store::Tablet& tablet, Amount amount) {
  const std::size_t least = amount == Amount::full_parts ? all_->part_max() : kept_.octets > 0 ? 1 : kWorthKeeping;
  while (!given_up_ && buffer_.size() >= least) {
    const std::size_t end = std::string_view(buffer_).substr(0, all_->part_max()).rfind("\r\n");
    if (end == std::string::npos && amount == Amount::all) co_return;
    // A line longer than a part.
    given_up_ =
        end == std::string::npos || !all_->reserve(name_, end + 2, Checkpoints::record_octets(kept_), octets_max_);
    if (given_up_) break;
    std::string part = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 2);
    kept_.octets += part.size();
    ++kept_.parts;
    kept_.expires = all_->expiry();
    store::Batch batch;
    const auto put = co_await all_->put(name_, kept_, std::move(part), batch);
    // Whether the store has the part nobody knows: what is in the record counts.
    if (!put || !co_await queue::commit(tablet, std::move(batch))) given_up_ = true;
  }
  if (given_up_) buffer_ = {};
}

void OpenCheckpoint::accept(std::string told, store::Batch& batch) {
  KeptTransaction over = kept_;
  over.accepted = std::move(told);
  over.octets = seen_.octets();
  over.parts = 0;
  over.expires = all_->expiry();
  if (!all_->reserve(name_, 0, Checkpoints::record_octets(over), octets_max_))
    return Checkpoints::put_nothing(name_, batch);
  Checkpoints::put_accepted(name_, over, batch);
}

}  // namespace angarium::agent

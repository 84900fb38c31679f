#include "agent/srs_keys.h"

#include "envelope/srs.h"
#include "store/codec.h"

namespace angarium::agent {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kSecretOctets = 32;
/// More are never needed at one time.
constexpr std::uint64_t kKeysMax = 16;
/// RFC 2104 §3: as long as the hash at least. And a day for clocks.
constexpr Duration kBelieved = kSrsKeyLife + std::chrono::days(envelope::kSrsDays + 1);

std::string record_key() { return std::string(1, kSecretKeyOctet) + "srs"; }

}  // namespace

std::string SrsKeys::encode(const std::vector<Key>& keys) {
  std::string record(1, static_cast<char>(kVersion));
  store::put_number(record, keys.size());
  for (const Key& key : keys) {
    store::put_signed(record, key.made.microseconds);
    store::put_octets(record, key.secret);
  }
  return record;
}

Result<> SrsKeys::read() {
  if (keys_) return {};
  const auto record = TRY(tablet_.get(record_key()));
  std::vector<Key> keys;
  if (record) {
    store::RecordReader reader(*record);
    const bool known = reader.octet() == kVersion;
    for (std::uint64_t left = reader.number_up_to(kKeysMax); left > 0 && reader.ok(); --left) {
      Key key;
      key.made.microseconds = reader.signed_number();
      key.secret = reader.octets();
      keys.push_back(std::move(key));
    }
    if (!known || !reader.ok()) return fail(kDamagedKeys, "the keys for rewritten senders do not decode");
  }
  keys_ = std::move(keys);
  return {};
}

std::vector<std::string> SrsKeys::secrets() const {
  std::vector<std::string> secrets;
  for (const Key& key : *keys_) secrets.push_back(key.secret);
  return secrets;
}

Result<std::vector<std::string>> SrsKeys::known() {
  const std::lock_guard lock(mutex_);
  TRY(read());
  return secrets();
}

Result<std::vector<std::string>> SrsKeys::signing() {
  const std::lock_guard lock(mutex_);
  TRY(read());
  const WallTime now = clock_.wall();
  if (!keys_->empty() && keys_->front().made.microseconds + kSrsKeyLife.count() > now.microseconds) return secrets();
  std::vector<Key> keys = {{.made = now, .secret = random_.octets(kSecretOctets)}};
  for (const Key& key : *keys_)
    if (key.made.microseconds + kBelieved.count() > now.microseconds && keys.size() < kKeysMax) keys.push_back(key);
  store::Batch batch;
  batch.put(record_key(), encode(keys));
  TRY(tablet_.commit_and_wait(std::move(batch)));
  keys_ = std::move(keys);
  return secrets();
}

}  // namespace angarium::agent

#include "account/record.h"

#include "store/octets.h"

namespace angarium::account {
namespace {

constexpr char kVersion = 1;
constexpr char kAccountTag = 'A';
constexpr char kAliasTag = 'L';
constexpr char kDomainTag = 'D';
constexpr char kAppPasswordsTag = 'P';
constexpr char kAppPasswordTag = 'p';
constexpr char kTotpTag = 'T';

// Of an account's state. To who does not know kElsewhereBit the account was added, and has no password.
constexpr std::uint64_t kDisabledBit = 1;
constexpr std::uint64_t kHostBit = 2;
constexpr std::uint64_t kElsewhereBit = 4;

class Writer {
 public:
  explicit Writer(char tag) : octets_{kVersion, tag} {}
  Writer& number(std::uint64_t value) {
    store::append_varint(octets_, value);
    return *this;
  }
  Writer& text(std::string_view value) {
    number(value.size());
    octets_ += value;
    return *this;
  }
  std::string take() { return std::move(octets_); }

 private:
  std::string octets_;
};

class Reader {
 public:
  explicit Reader(std::string_view octets) : rest_(octets) {
    ok_ = rest_.size() >= 2 && rest_[0] == kVersion;
    if (ok_) {
      tag_ = rest_[1];
      rest_.remove_prefix(2);
    }
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    if (ok_ && !store::take_varint(rest_, value)) ok_ = false;
    return ok_ ? value : 0;
  }
  std::string text() {
    const std::uint64_t size = number();
    if (size > rest_.size()) ok_ = false;
    if (!ok_) return {};
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  /// A count of things that take at least one octet each.
  std::uint64_t count() {
    const std::uint64_t value = number();
    if (value > rest_.size()) ok_ = false;
    return ok_ ? value : 0;
  }
  /// Where older versions end.
  [[nodiscard]] bool at_end() const { return !ok_ || rest_.empty(); }
  void refuse() { ok_ = false; }
  [[nodiscard]] char tag() const { return tag_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  char tag_ = 0;
  bool ok_ = false;
};

std::uint64_t number_of(sasl::Hash hash) { return hash == sasl::Hash::sha1 ? 0 : hash == sasl::Hash::sha256 ? 1 : 2; }
sasl::Hash hash_of(std::uint64_t number) {
  return number == 0 ? sasl::Hash::sha1 : number == 1 ? sasl::Hash::sha256 : sasl::Hash::sha512;
}

constexpr std::uint64_t kOtpAlgorithms = 3;  // md4, md5, sha1, in this order

void write_scram(Writer& writer, const sasl::ScramKeys& keys) {
  writer.number(number_of(keys.hash)).number(keys.iterations);
  writer.text(keys.salt).text(keys.stored_key).text(keys.server_key);
}

sasl::ScramKeys read_scram(Reader& reader) {
  sasl::ScramKeys keys;
  keys.hash = hash_of(reader.number());
  keys.iterations = static_cast<std::uint32_t>(reader.number());
  keys.salt = reader.text();
  keys.stored_key = reader.text();
  keys.server_key = reader.text();
  return keys;
}

/// Appended in a later version.
void write_on_demand(Writer& writer, const OnDemand& keys) {
  writer.number(keys.wanted).number(keys.scram_sha_512 ? 1 : 0);
  if (keys.scram_sha_512) write_scram(writer, *keys.scram_sha_512);
  writer.text(keys.cram_md5).text(keys.digest_md5).text(keys.digest_realm).text(keys.nt_hash).text(keys.plain);
  writer.number(keys.otp ? 1 : 0);
  if (!keys.otp) return;
  writer.number(static_cast<std::uint64_t>(keys.otp->algorithm)).number(keys.otp->sequence);
  writer.text(keys.otp->seed).text(keys.otp->last);
}

OnDemand read_on_demand(Reader& reader) {
  OnDemand keys;
  if (reader.at_end()) return keys;
  keys.wanted = static_cast<std::uint32_t>(reader.number());
  if (reader.number() != 0) keys.scram_sha_512 = read_scram(reader);
  keys.cram_md5 = reader.text();
  keys.digest_md5 = reader.text();
  keys.digest_realm = reader.text();
  keys.nt_hash = reader.text();
  keys.plain = reader.text();
  if (reader.number() == 0) return keys;
  keys.otp.emplace();
  const std::uint64_t algorithm = reader.number();
  if (algorithm >= kOtpAlgorithms) reader.refuse();
  keys.otp->algorithm = static_cast<sasl::OtpAlgorithm>(algorithm % kOtpAlgorithms);
  keys.otp->sequence = static_cast<std::uint32_t>(reader.number());
  keys.otp->seed = reader.text();
  keys.otp->last = reader.text();
  return keys;
}

std::string write_totp(const Totp& totp) {
  Writer writer(kTotpTag);
  writer.text(totp.secret).number(totp.on ? 1 : 0).number(totp.last_step);
  writer.number(static_cast<std::uint64_t>(totp.since.microseconds)).number(totp.recovery.size());
  for (const std::string& digest : totp.recovery) writer.text(digest);
  return writer.take();
}

/// Behind it newer versions may append to it, and to the account.
std::optional<Totp> read_totp(Reader& outer) {
  if (outer.at_end()) return std::nullopt;
  const std::string octets = outer.text();
  if (octets.empty()) return std::nullopt;
  Reader reader(octets);
  Totp totp;
  totp.secret = reader.text();
  totp.on = reader.number() != 0;
  totp.last_step = reader.number();
  totp.since.microseconds = static_cast<std::int64_t>(reader.number());
  for (std::uint64_t left = reader.count(); left > 0 && reader.ok(); --left) totp.recovery.push_back(reader.text());
  if (!reader.ok() || reader.tag() != kTotpTag) outer.refuse();
  return totp;
}

std::string write_app_password(const AppPassword& one) {
  Writer writer(kAppPasswordTag);
  writer.text(one.name).number(one.uses).text(one.salt).text(one.digest);
  writer.number(static_cast<std::uint64_t>(one.created.microseconds));
  writer.number(one.expires ? 1 : 0);
  if (one.expires) writer.number(static_cast<std::uint64_t>(one.expires->microseconds));
  writer.number(one.last_use ? 1 : 0);
  if (!one.last_use) return writer.take();
  writer.number(static_cast<std::uint64_t>(one.last_use->at.microseconds));
  writer.number(static_cast<std::uint64_t>(one.last_use->use)).text(one.last_use->peer);
  return writer.take();
}

AppPassword read_app_password(Reader& outer) {
  const std::string octets = outer.text();
  Reader reader(octets);
  AppPassword one;
  one.name = reader.text();
  one.uses = static_cast<std::uint32_t>(reader.number());
  one.salt = reader.text();
  one.digest = reader.text();
  one.created.microseconds = static_cast<std::int64_t>(reader.number());
  if (reader.number() != 0) one.expires = WallTime{static_cast<std::int64_t>(reader.number())};
  if (reader.number() != 0) {
    one.last_use.emplace();
    one.last_use->at.microseconds = static_cast<std::int64_t>(reader.number());
    const std::uint64_t use = reader.number();
    one.last_use->peer = reader.text();
    // Of a newer version, for what is not known here: the password is good all the same.
    if (use < kUses.size())
      one.last_use->use = static_cast<Use>(use);
    else
      one.last_use.reset();
  }
  if (!reader.ok() || reader.tag() != kAppPasswordTag) outer.refuse();
  return one;
}

Account read_account(Reader& reader) {
  Account account;
  account.id = reader.number();
  account.address = reader.text();
  account.name = reader.text();
  const std::uint64_t state = reader.number();
  account.status = (state & kDisabledBit) == 0 ? Status::enabled : Status::disabled;
  account.origin = (state & kHostBit) != 0        ? Origin::host
                   : (state & kElsewhereBit) != 0 ? Origin::elsewhere
                                                  : Origin::added;
  account.quota.octets = reader.number();
  account.quota.messages = reader.number();
  account.created.microseconds = static_cast<std::int64_t>(reader.number());
  account.credentials.version = reader.number();
  account.credentials.argon2id = reader.text();
  for (std::uint64_t left = reader.count(); left > 0 && reader.ok(); --left)
    account.credentials.scram.push_back(read_scram(reader));
  account.credentials.on_demand = read_on_demand(reader);
  if (account.credentials.on_demand.wanted == 0) account.credentials.on_demand = {};
  account.totp = read_totp(reader);
  if (!reader.at_end()) account.moved_to = reader.text();
  return account;
}

Alias read_alias(Reader& reader) {
  Alias alias;
  alias.address = reader.text();
  alias.kind = reader.number() == 0 ? Alias::Kind::alias : Alias::Kind::group;
  alias.created.microseconds = static_cast<std::int64_t>(reader.number());
  for (std::uint64_t left = reader.count(); left > 0 && reader.ok(); --left) alias.targets.push_back(reader.text());
  return alias;
}

}  // namespace

std::string encode(const Account& account) {
  Writer writer(kAccountTag);
  const std::uint64_t state = (account.status == Status::enabled ? 0 : kDisabledBit) |
                              (account.origin == Origin::host ? kHostBit : 0) |
                              (account.origin == Origin::elsewhere ? kElsewhereBit : 0);
  writer.number(account.id).text(account.address).text(account.name).number(state);
  writer.number(account.quota.octets).number(account.quota.messages);
  writer.number(static_cast<std::uint64_t>(account.created.microseconds));
  writer.number(account.credentials.version).text(account.credentials.argon2id);
  writer.number(account.credentials.scram.size());
  for (const sasl::ScramKeys& keys : account.credentials.scram) write_scram(writer, keys);
  // Each part stands behind the one before: who asked for none of them has a record as older versions write it.
  const bool moved = !account.moved_to.empty();
  const bool second_factor = account.totp || moved;
  if (account.credentials.on_demand.wanted != 0 || second_factor)
    write_on_demand(writer, account.credentials.on_demand);
  if (second_factor) writer.text(account.totp ? write_totp(*account.totp) : "");
  if (moved) writer.text(account.moved_to);
  return writer.take();
}

std::string encode(const Alias& alias) {
  Writer writer(kAliasTag);
  writer.text(alias.address).number(alias.kind == Alias::Kind::alias ? 0 : 1);
  writer.number(static_cast<std::uint64_t>(alias.created.microseconds)).number(alias.targets.size());
  for (const std::string& target : alias.targets) writer.text(target);
  return writer.take();
}

std::string encode(const Domain& domain) {
  Writer writer(kDomainTag);
  writer.text(domain.name)
      .text(domain.catch_all)
      .text(domain.postmaster)
      .number(static_cast<std::uint64_t>(domain.created.microseconds));
  return writer.take();
}

Result<Entry> decode_entry(std::string_view octets) {
  Reader reader(octets);
  if (reader.tag() == kAccountTag) {
    Account account = read_account(reader);
    if (reader.ok()) return account;
  } else if (reader.tag() == kAliasTag) {
    Alias alias = read_alias(reader);
    if (reader.ok()) return alias;
  }
  return fail(kDamagedRecord, "an entry of the directory does not decode; run: angarium verify");
}

Result<Domain> decode_domain(std::string_view octets) {
  Reader reader(octets);
  Domain domain;
  domain.name = reader.text();
  domain.catch_all = reader.text();
  domain.postmaster = reader.text();
  domain.created.microseconds = static_cast<std::int64_t>(reader.number());
  if (!reader.ok() || reader.tag() != kDomainTag)
    return fail(kDamagedRecord, "a domain of the directory does not decode; run: angarium verify");
  return domain;
}

std::string encode(const std::vector<AppPassword>& passwords) {
  Writer writer(kAppPasswordsTag);
  writer.number(passwords.size());
  for (const AppPassword& one : passwords) writer.text(write_app_password(one));
  return writer.take();
}

Result<std::vector<AppPassword>> decode_app_passwords(std::string_view octets) {
  Reader reader(octets);
  std::vector<AppPassword> passwords;
  for (std::uint64_t left = reader.count(); left > 0 && reader.ok(); --left)
    passwords.push_back(read_app_password(reader));
  if (!reader.ok() || reader.tag() != kAppPasswordsTag)
    return fail(kDamagedRecord, "an account's app passwords do not decode; run: angarium verify");
  return passwords;
}

}  // namespace angarium::account

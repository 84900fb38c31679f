// For this room's tests: a tablet in memory, a simulated loop, a pool, and the mail in it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "io/memory.h"
#include "io/pool.h"
#include "mailbox/mailbox.h"
#include "mailbox/records.h"
#include "mailbox/verify.h"
#include "store/tablet.h"
#include "store/volume_memory.h"
#include "support/run.h"

namespace angarium::mailbox::test {

class World {
 public:
  explicit World(store::StateKind state = store::StateKind::sorted) : state_(state) { open(); }

  /// What an orderly end and a new start leave.
  void reopen() {
    close();
    open();
  }
  /// The disk as it is now, while everything is open. From any thread.
  std::shared_ptr<store::MemoryDisk> image() {
    auto copy = std::make_shared<store::MemoryDisk>();
    const std::lock_guard lock(disk_->mutex);
    for (const auto& [name, content] : disk_->files)
      copy->files[name] = std::make_shared<store::MemoryDisk::Content>(*content);
    return copy;
  }
  /// What a new start finds on that disk.
  void restart(std::shared_ptr<store::MemoryDisk> disk) {
    close();
    disk_ = std::move(disk);
    open();
  }
  /// What a sudden end leaves.
  void crash() { restart(image()); }

  /// From now on mail is sealed that comes (or, switched off, only opened), by keys whose file is in this directory.
  void seal(std::string directory, Sealing how = Sealing::on) {
    close();
    keys_directory_ = std::move(directory);
    sealing_ = how;
    open();
  }

  /// Runs a task to its end.
  template <class T>
  T run(io::Task<T> task) {
    return angarium::test::settled(loop, std::move(task));
  }
  /// The value; throws the error's text.
  template <class T>
  T must(io::Task<Result<T>> task) {
    Result<T> result = run(std::move(task));
    if (!result) throw std::runtime_error(result.error().text());
    if constexpr (!std::is_void_v<T>) return *std::move(result);
  }

  /// A message as a session would hand it in.
  [[nodiscard]] ContentPtr content(std::string octets) const {
    if (sealing_ == Sealing::off) return make_content(std::move(octets));
    auto sealed = make_sealed_content(std::move(octets));
    if (!sealed) throw std::runtime_error(sealed.error().text());
    return *std::move(sealed);
  }
  AccountMailPtr account(AccountId id) { return must(store->account(id)); }
  Delivered deliver(AccountId account, std::string octets, std::vector<DeliveryTarget> targets = {DeliveryTarget{}}) {
    Delivery delivery;
    delivery.content = content(std::move(octets));
    delivery.recipients.push_back(
        {.account = account, .prepended = "Return-Path: <a@b>\r\n", .targets = std::move(targets)});
    auto results = must(store->deliver(std::move(delivery)));
    if (!results[0]) throw std::runtime_error(results[0].error().text());
    return *results[0];
  }
  std::string octets(AccountMail& mail, EmailId id) {
    const EmailPtr email = must(mail.email(id));
    std::string all = must(mail.read(email, 0, SIZE_MAX / 2));
    if (all.size() != (*email)->size) throw std::runtime_error("a message has another size than it says");
    return all;
  }
  /// Flips a bit wherever these octets stand on the disk; how often they did.
  std::size_t damage(std::string_view octets) {
    std::size_t count = 0;
    const std::lock_guard lock(disk_->mutex);
    for (const auto& [name, content] : disk_->files)
      for (std::size_t at = content->octets.find(octets); at != std::string::npos;
           at = content->octets.find(octets, at + octets.size()), ++count)
        content->octets[at] ^= 1;
    return count;
  }
  void close() {
    store.reset();
    keys.reset();
    tablet.reset();
  }

  io::SimulatedLoop loop;
  io::Pool pool{{.name = "test"}};
  Records records;
  std::unique_ptr<store::Tablet> tablet;
  std::unique_ptr<keyring::Keys> keys;
  std::unique_ptr<MailboxStore> store;

 private:
  void open() {
    auto volume = store::open_memory_volume(disk_);
    if (!volume) throw std::runtime_error(volume.error().text());
    store::TabletOptions options;
    options.state = state_;
    options.mergers[kKeyOctet] = &records;
    options.body_refs = &records;
    options.segment_size = 1 << 20;
    options.body_segment_size = 1 << 20;
    options.reserve = 0;
    auto opened = store::Tablet::open(*std::move(volume), options);
    if (!opened) throw std::runtime_error(opened.error().text());
    tablet = *std::move(opened);
    if (!keys_directory_.empty()) keys = std::make_unique<keyring::Keys>(*tablet, keys_directory_);
    store = MailboxStore::make(*tablet, pool, {.clock = &loop.clock(), .keys = keys.get(), .sealing = sealing_});
  }

  std::string keys_directory_;
  Sealing sealing_ = Sealing::off;
  store::StateKind state_;
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
};

inline constexpr AccountId kAlice = 1;
inline constexpr AccountId kBob = 2;

/// Two accounts, and the first one's mail.
struct Ready : World {
  Ready() {
    must(store->create_account(kAlice, {}));
    must(store->create_account(kBob, {}));
    mail = account(kAlice);
    inbox = id("INBOX");
  }
  MailboxId id(std::string_view name) { return mail->listing()->find(name)->id; }
  ViewPtr view(MailboxId mailbox) { return must(mail->view(mailbox)); }
  void again() {
    mail.reset();
    reopen();
    mail = account(kAlice);
  }

  AccountMailPtr mail;
  MailboxId inbox = 0;
};

inline std::string text(int number) {
  return "Message-ID: <" + std::to_string(number) + "@test>\r\nSubject: number " + std::to_string(number) +
         "\r\n\r\nbody " + std::to_string(number) + "\r\n";
}

inline FlagRequest flags(FlagMode mode, SystemFlags system, std::vector<std::string> keywords = {}) {
  return {mode, {system, std::move(keywords)}};
}

}  // namespace angarium::mailbox::test

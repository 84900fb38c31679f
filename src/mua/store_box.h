// A folder of the server's own store as a box: by IMAP, over a connection whose other end knows who the user is.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/loop.h"
#include "mua/boxes.h"
#include "protocol/imap/client.h"
#include "wire/connection/connection.h"

namespace angarium::mua {

/// What names of such folders begin with: "@" is INBOX, "@Sent" another.
inline constexpr char kStoreMark = '@';

/// Messages that were removed elsewhere stay in the list; they can't be read.
class StoreBox final : public Box {
 public:
  /// `name`: with its mark. kNoBox: there is no store for this user, or no such folder.
  static Result<std::unique_ptr<Box>> open(const std::string& name, const Surroundings& here, Access access);
  ~StoreBox() override;

  [[nodiscard]] const std::string& path() const override { return name_; }
  [[nodiscard]] bool is_inbox() const override { return name_.size() == 1; }
  Result<std::string> start(std::size_t number, std::size_t max) override;
  Result<Came> came(std::size_t number) override;
  Result<std::size_t> look() override;
  Result<> write() override;

 private:
  using Job = std::function<io::Task<Result<>>()>;

  StoreBox(std::string name, const Surroundings& here, Access access, std::unique_ptr<io::Loop> loop)
      : name_(std::move(name)), here_(here), access_(access), loop_(std::move(loop)) {}

  /// Does it now, on a new connection where the last one ended: servers end idle ones. Jobs may be done twice.
  Result<> perform(const Job& job);
  Result<> wait_for(io::Task<Result<>> task);
  Result<> connect();
  io::Task<Result<>> select(int descriptor);
  io::Task<Result<>> select_anew(int descriptor);
  io::Task<Result<>> leave();
  io::Task<Result<>> take_in();
  io::Task<Result<>> change_flags();
  /// "+FLAGS" or "-FLAGS", for messages whose flag was changed that way.
  [[nodiscard]] std::vector<std::string> sets_of(message::BoxFlags flag, bool wanted) const;

  std::string name_;
  const Surroundings& here_;
  Access access_;
  std::unique_ptr<io::Loop> loop_;
  std::unique_ptr<wire::Connection> connection_;
  std::unique_ptr<protocol::imap::Client> client_;
  std::vector<std::uint32_t> uids_;  ///< of the entries; ascending
  std::uint32_t uid_validity_ = 0;
  bool made_anew_ = false;  ///< the UIDs are of a folder that is no more: nothing is done any more
};

}  // namespace angarium::mua

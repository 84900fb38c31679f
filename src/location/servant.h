// Who works on a user's boxes, with that user's rights, in a process of the steward's (cage).
#pragma once

#include "cage/servant.h"
#include "location/order.h"

namespace angarium::location {

/// Who was asked nothing for so long ends.
inline constexpr Duration kUnasked = std::chrono::minutes(1);

class BoxServant final : public cage::Servant {
 public:
  explicit BoxServant(delivery::Surroundings surroundings = {}) : surroundings_(std::move(surroundings)) {}
  void serve(const Descriptor& socket, const Errand& errand) override;

 private:
  delivery::Surroundings surroundings_;
};

/// Does one order after the other on the boxes of one location.
class Hand {
 public:
  /// `spool_file`: not empty: it works on this box alone, which has to be the user's own.
  Hand(Location location, std::string spool_file, const box::Host& host)
      : location_(std::move(location)), spool_file_(std::move(spool_file)), boxes_(host) {}
  Reply follow(const Order& order);

 private:
  struct Follow;
  [[nodiscard]] Result<> check(const std::string& path) const;
  [[nodiscard]] Result<> check_folder(const std::string& path) const;
  Result<std::shared_ptr<OpenBox>> opened(std::uint32_t opening, const std::vector<std::size_t>& indexes) const;

  Location location_;
  std::string spool_file_;
  BoxesHere boxes_;
  std::shared_ptr<OpenBox> box_;
  std::uint32_t opening_ = 0;
};

}  // namespace angarium::location

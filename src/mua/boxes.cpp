#include "mua/boxes.h"

#include "mua/store_box.h"

namespace angarium::mua {

Result<std::unique_ptr<Box>> open_box(const std::string& path, const Surroundings& here, Access access) {
  if (path.starts_with(kStoreMark)) return StoreBox::open(path, here, access);
  return box::open_box(path, {.delivery = here.delivery, .home = here.home}, access);
}

}  // namespace angarium::mua

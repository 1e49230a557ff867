#include <memory>

#include <fmt/format.h>
#include <zstd.h>

#include "actors/gateway/tinker/wire/messages.hpp"

namespace hocket::tinker {

result<std::string> unzip(std::string_view packed, std::size_t limit) {
  const auto bad = [](const std::string& what) { return fail("tinker.bad_body", what); };
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     ZSTD_freeDCtx);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 27);  // 128 MiB
  std::string out;
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::string block(ZSTD_DStreamOutSize(), '\0');
  std::size_t left = 1;
  while (in.pos < in.size || left != 0) {
    ZSTD_outBuffer to{block.data(), block.size(), 0};
    const auto before = in.pos;
    left = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(left)) return bad(std::string("zstd body: ") + ZSTD_getErrorName(left));
    if (out.size() + to.pos > limit)
      return bad(fmt::format("zstd body: more than {} bytes unpacked", limit));
    out.append(block.data(), to.pos);
    if (in.pos == before && to.pos == 0 && left != 0) return bad("zstd body: cut short");
  }
  return out;
}

}  // namespace hocket::tinker

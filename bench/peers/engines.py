"""The engines that are driven from Python, each at its best settings; one class an engine.

An engine is made from (model folder, stem of the file name, threads, batch) and offers
    set_input(x)   x [N, H, W, 3] float32; copied into the engine's own input tensor, outside the timing
    run()          one inference of the whole batch
    output()       probabilities [N, classes]
Importing the engine's package happens inside __init__, so that a worker holds one engine only.
`settings` says in words what was chosen; `libraries(folder)` lists what a user must ship beside the model.
"""

import glob
import os

import numpy as np


# Set for cold starts: engines may then use what an earlier start left on disk.
COLD = bool(os.environ.get("PEERS_COLD"))
BFLOAT16 = os.environ.get("PEERS_PRECISION") == "bfloat16"


def nchw(x):
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


class OnnxRuntime:
    settings = "graph optimisation ALL (NCHWc), sequential, spinning, arena and memory pattern, I/O binding"

    def __init__(self, stem, threads, batch):
        import onnxruntime as ort
        self.ort, self.version = ort, ort.__version__
        o = ort.SessionOptions()
        o.intra_op_num_threads, o.inter_op_num_threads = threads, 1
        o.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        o.log_severity_level = 3
        o.add_session_config_entry("session.intra_op.allow_spinning", "1")
        o.add_session_config_entry("session.set_denormal_as_zero", "1")
        path = self.offline(f"{stem}-b{batch}", o) if COLD else f"{stem}-b{batch}.onnx"
        self.session = ort.InferenceSession(path, o, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        shape = self.session.get_outputs()[0].shape
        self.y = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
        self.binding.bind_ortvalue_output("output", self.y)

    def offline(self, stem, options):
        """The graph optimised by an earlier start, read as it is; the first start writes it."""
        if not os.path.exists(stem + ".optimised.onnx"):
            options.optimized_model_filepath = stem + ".optimised.onnx"
            return stem + ".onnx"
        options.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        return stem + ".optimised.onnx"

    def set_input(self, x):
        self.x = self.ort.OrtValue.ortvalue_from_numpy(nchw(x))
        self.binding.bind_ortvalue_input("input", self.x)

    def run(self):
        self.session._sess.run_with_iobinding(self.binding._iobinding, None)

    def output(self):
        return self.y.numpy()

    @staticmethod
    def libraries(packages):
        return glob.glob(packages + "/onnxruntime/capi/libonnxruntime.so.*")


class LiteRT:
    settings = "interpreter with its default XNNPACK delegate"

    def __init__(self, stem, threads, batch):
        from ai_edge_litert import interpreter
        from importlib.metadata import version
        self.version = version("ai-edge-litert")
        self.interpreter = interpreter.Interpreter(model_path=f"{stem}-b{batch}.tflite", num_threads=threads)
        self.interpreter.allocate_tensors()
        self.x = self.interpreter.get_input_details()[0]["index"]
        self.y = self.interpreter.get_output_details()[0]["index"]
        self.invoke = self.interpreter._interpreter.Invoke

    def set_input(self, x):
        self.interpreter.set_tensor(self.x, x)

    def run(self):
        self.invoke()

    def output(self):
        return self.interpreter.get_tensor(self.y)

    @staticmethod
    def libraries(packages):
        return [packages + "/ai_edge_litert/libLiteRt.so"]


class Ncnn:
    settings = "packed layout, Winograd and SGEMM, light mode, pool allocators; a batch is a loop"

    def __init__(self, stem, threads, batch):
        import ncnn
        self.ncnn, self.version = ncnn, ncnn.__version__
        self.net = ncnn.Net()
        o = self.net.opt
        o.num_threads, o.lightmode, o.use_packing_layout = threads, True, True
        o.use_winograd_convolution = o.use_sgemm_convolution = True
        o.use_fp16_packed = o.use_fp16_storage = o.use_fp16_arithmetic = o.use_bf16_storage = False
        o.use_vulkan_compute = False
        self.blob, self.work = ncnn.UnlockedPoolAllocator(), ncnn.PoolAllocator()
        o.blob_allocator, o.workspace_allocator = self.blob, self.work
        self.net.load_param(stem + ".param")
        self.net.load_model(stem + ".bin")

    def set_input(self, x):
        self.x = [self.ncnn.Mat(image).clone() for image in nchw(x)]

    def run(self):
        results = []
        for image in self.x:
            extractor = self.net.create_extractor()
            extractor.input("input", image)
            results.append(extractor.extract("output")[1])
        self.y = results

    def output(self):
        return np.stack([np.array(y) for y in self.y])

    @staticmethod
    def libraries(packages):
        return glob.glob(packages + "/ncnn/ncnn*.so") + glob.glob(packages + "/ncnn.libs/libgomp*")


class Mnn:
    settings = "CPU backend, precision high (float32), memory normal, power high; input written to the session's tensor"

    def __init__(self, stem, threads, batch):
        import MNN
        self.version = MNN.version()
        self.interpreter = MNN.Interpreter(f"{stem}-b{batch}.mnn")
        self.session = self.interpreter.createSession(
            {"backend": "CPU", "precision": "high", "memory": "normal", "power": "high", "numThread": threads})
        self.MNN = MNN
        self.x = self.interpreter.getSessionInput(self.session)
        self.y = self.interpreter.getSessionOutput(self.session)

    def set_input(self, x):
        data = nchw(x)
        host = self.MNN.Tensor(data.shape, self.MNN.Halide_Type_Float, data, self.MNN.Tensor_DimensionType_Caffe)
        self.x.copyFrom(host)

    def run(self):
        self.interpreter.runSession(self.session)

    def output(self):
        shape = self.y.getShape()
        host = self.MNN.Tensor(shape, self.MNN.Halide_Type_Float, np.zeros(shape, np.float32),
                               self.MNN.Tensor_DimensionType_Caffe)
        self.y.copyToHostTensor(host)
        return np.array(host.getNumpyData()).reshape(shape)

    @staticmethod
    def libraries(packages):
        return glob.glob(packages + "/_mnncengine*.so")


class OpenVino:
    settings = f"ONNX, precision {'bf16' if BFLOAT16 else 'f32'}, latency hint, one stream, no pinning, denormals flushed, input NCHW"

    def __init__(self, stem, threads, batch):
        import openvino as ov
        self.version = ov.get_version().split("-")[0]
        core = ov.Core()
        config = {"INFERENCE_PRECISION_HINT": "bf16" if BFLOAT16 else "f32", "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1",
                  "INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False,
                  "CPU_DENORMALS_OPTIMIZATION": True}
        if COLD:
            config["CACHE_DIR"] = stem + ".cache"
        model = core.compile_model(f"{stem}-b{batch}.onnx", "CPU", config)
        self.request = model.create_infer_request()

    def set_input(self, x):
        import openvino as ov
        self.x = ov.Tensor(nchw(x))
        self.request.set_input_tensor(self.x)

    def run(self):
        # the binding's own synchronous call, without the dictionary of results that infer() builds
        super(type(self.request), self.request).infer(self.x, share_outputs=True, decode_strings=False)

    def output(self):
        return np.array(self.request.get_output_tensor().data)

    @staticmethod
    def libraries(packages):
        libs = packages + "/openvino/libs/"
        names = ["libopenvino.so.*", "libopenvino_c.so.*", "libopenvino_intel_cpu_plugin.so",
                 "libopenvino_onnx_frontend.so.*", "libtbb.so.12"]
        return [path for name in names for path in glob.glob(libs + name)]


ENGINES = {"onnxruntime": OnnxRuntime, "litert": LiteRT, "ncnn": Ncnn, "mnn": Mnn, "openvino": OpenVino}

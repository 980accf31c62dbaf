//! Interface `objects`: sources and sinks.

use wasmtime::component::Resource;

use super::imported::objects::{Host, HostReader, HostWriter, ObjectInfo, Receipt};
use super::{Answer, answer};
use crate::capabilities::{Reader, Writer};
use crate::guest::{Guest, acting, within};

impl Host for Guest {
    async fn open(&mut self, source: u32, offset: u64) -> Answer<Resource<Box<dyn Reader>>> {
        let limit = self.host_call();
        let opened = match self.may_act() {
            Ok(may) => within(limit, "objects.open", may.open(source, offset)).await?,
            Err(error) => Err(error),
        };
        match opened {
            Ok(reader) => Ok(Ok(self.table.push(reader)?)),
            Err(error) => answer(Err(error)),
        }
    }

    async fn create(&mut self, sink: u32) -> Answer<Resource<Box<dyn Writer>>> {
        let limit = self.host_call();
        let created = match self.may_act() {
            Ok(may) => within(limit, "objects.create", may.create(sink)).await?,
            Err(error) => Err(error),
        };
        match created {
            Ok(writer) => Ok(Ok(self.table.push(writer)?)),
            Err(error) => answer(Err(error)),
        }
    }
}

impl HostReader for Guest {
    async fn info(&mut self, reader: Resource<Box<dyn Reader>>) -> wasmtime::Result<ObjectInfo> {
        let info = self.table.get(&reader)?.info();
        Ok(ObjectInfo { size: info.size, etag: info.etag.clone(), media_type: info.media_type.clone() })
    }

    async fn read(&mut self, reader: Resource<Box<dyn Reader>>, max: u32) -> Answer<Vec<u8>> {
        let limit = self.host_call();
        let reader = self.table.get_mut(&reader)?;
        answer(match acting(&mut self.capabilities, &self.usage) {
            Ok(_) => {
                let read = within(limit, "reader.read", reader.read(max)).await?;
                read.inspect(|bytes| self.usage.given(bytes.len()))
            }
            Err(error) => Err(error),
        })
    }

    async fn drop(&mut self, reader: Resource<Box<dyn Reader>>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        Ok(())
    }
}

impl HostWriter for Guest {
    async fn write(&mut self, writer: Resource<Box<dyn Writer>>, bytes: Vec<u8>) -> Answer<()> {
        let limit = self.host_call();
        let writer = self.table.get_mut(&writer)?;
        answer(match acting(&mut self.capabilities, &self.usage) {
            Ok(_) => {
                self.usage.taken(bytes.len());
                within(limit, "writer.write", writer.write(bytes)).await?
            }
            Err(error) => Err(error),
        })
    }

    async fn finish(&mut self, writer: Resource<Box<dyn Writer>>) -> Answer<Receipt> {
        let limit = self.host_call();
        let writer = self.table.get_mut(&writer)?;
        let finished = match acting(&mut self.capabilities, &self.usage) {
            Ok(_) => within(limit, "writer.finish", writer.finish()).await?,
            Err(error) => Err(error),
        };
        answer(finished.map(|receipt| Receipt {
            size: receipt.size,
            etag: receipt.etag,
            checksum_crc32: receipt.checksum_crc32,
            location: receipt.location,
        }))
    }

    async fn drop(&mut self, writer: Resource<Box<dyn Writer>>) -> wasmtime::Result<()> {
        self.table.delete(writer)?;
        Ok(())
    }
}
